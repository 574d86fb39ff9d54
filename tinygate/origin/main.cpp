// tinygate-origin: something small for a gate to stand in front of.
#include "origin/session.hpp"
#include "origin/site.hpp"
#include <penstock/penstock.hpp>

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGINT and so on are what is meant

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace origin {
namespace {

using namespace penstock;
using namespace std::chrono_literals;

constexpr int misuse = 2;
constexpr const char* description =
    "An HTTP/1.1 origin that tells who it is: each answer has the header X-Origin with its name.\n"
    "It answers GET and HEAD at / (the page), /about (JSON) and /hello (65 bytes), until SIGTERM or SIGINT.\n"
    "In the page, {{origin}} stands for the name.";

struct options {
    std::string listen = "127.0.0.1:0";
    std::string name = "origin";
    std::string page;
};

int complain(const std::string& what) {
    std::fprintf(stderr, "tinygate-origin: %s\n", what.c_str());
    return misuse;
}

/// The name goes into headers, JSON and HTML as it is.
std::string check_name(const std::string& name) {
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '_' && c != '.') return "a name has letters, digits, '-', '_' and '.' only";
    }
    return name.empty() || name.size() > 64 ? "a name has 1 to 64 characters" : "";
}

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();  // fails if nothing comes, and an empty page is none
    if (!file || !content) return std::nullopt;
    return std::move(content).str();
}

task<int> run(const options& asked, endpoint at, std::string page) {
    auto ending = co_await watch_signals({SIGINT, SIGTERM});
    if (!ending) co_return complain("signals: " + ending.error().message());
    auto door = co_await net::listen(at);
    if (!door) co_return complain("--listen " + at.to_string() + ": " + door.error().message());
    if (const auto bound = co_await door->local_endpoint()) at = *bound;  // says which port, if 0 was asked for
    std::printf("tinygate-origin: listening on %s, as %s, on %s\n", at.to_string().c_str(), asked.name.c_str(),
                current_loop->explain().line().c_str());
    std::fflush(stdout);

    site here(asked.name, std::move(page));
    const net::serve_options how{.drain_limit = 1s, .idle_limit = 10min};
    const auto outcome = co_await when_any(
        net::serve(*door, how, [&here](net::stream& client) { return serve(here, client); }), ending->next());
    const result<void>& served = std::get<0>(outcome.values);
    co_return served ? 0 : complain("accepting: " + served.error().message());
}

int start(const options& asked) {
    const auto at = endpoint::parse(asked.listen);
    if (!at) return complain("--listen: " + at.error().message);
    std::optional<std::string> page = "<!doctype html><title>{{origin}}</title><p>This is {{origin}}.\n";
    if (!asked.page.empty()) page = read_file(asked.page);
    if (!page) return complain("--page " + asked.page + " can't be read, or is empty");
    static_cast<void>(block_signals({SIGINT, SIGTERM}));  // before any thread starts; from now on they are awaited
    const auto engine = loop::create();
    if (!engine) return complain(engine.error().message);
    return (*engine)->run(run(asked, *at, std::move(*page)));
}

}  // namespace
}  // namespace origin

int main(int count, char** values) {
    origin::options asked;
    CLI::App app(origin::description, "tinygate-origin");
    app.add_option("--listen", asked.listen, "where it listens; port 0: any that is free")
        ->type_name("ADDR")
        ->capture_default_str();
    app.add_option("--name", asked.name, "which origin this is")
        ->type_name("NAME")
        ->check(CLI::Validator(origin::check_name, "", ""))
        ->capture_default_str();
    app.add_option("--page", asked.page, "the HTML file at /; without it, one line")->type_name("FILE");
    try {
        app.parse(count, values);
    } catch (const CLI::Success& asked_for) {
        return app.exit(asked_for);
    } catch (const CLI::ParseError& wrong) {
        return origin::complain(std::string(wrong.what()) + " (tinygate-origin --help lists the options)");
    }
    return origin::start(asked);
}

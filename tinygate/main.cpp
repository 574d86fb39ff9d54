// tinygate: a reverse proxy on penstock.
#include "admin/backends.hpp"
#include "config/command_line.hpp"
#include "listener/run.hpp"

#include <cstdio>
#include <variant>

namespace {

constexpr int failed = 2;  // nothing was started

int run(const tinygate::just_say& answer) {
    std::fputs(answer.text.c_str(), answer.status == 0 ? stdout : stderr);
    return answer.status;
}

int run(const tinygate::show_backends&) {
    std::fputs(tinygate::describe_backends().c_str(), stdout);
    return 0;
}

int run(const tinygate::options& asked) {
    const auto ended = tinygate::run_gate(asked);
    if (ended) return 0;
    std::fprintf(stderr, "tinygate: %s\n", ended.error().message.c_str());
    return failed;
}

}  // namespace

int main(int count, char** values) {
    return std::visit([](const auto& wanted) { return run(wanted); }, tinygate::read_command_line(count, values));
}

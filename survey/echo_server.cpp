#include "echo_server.hpp"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace survey {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

// --- In the child -----------------------------------------------------------------------------------------------

server_figures figures_now(std::uint64_t bytes) {
    ::timespec cpu{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return {.cpu_ns = static_cast<std::uint64_t>(cpu.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(cpu.tv_nsec),
            .messages = bytes / message_size,
            .enters = current_loop->statistics().enters};
}

task<result<void>> answer_parent(const std::uint64_t& bytes) {
    auto orders = co_await adopt(STDIN_FILENO, ownership::borrow);
    if (!orders) co_return fail(orders.error());
    auto answers = co_await adopt(STDOUT_FILENO, ownership::borrow);
    if (!answers) co_return fail(answers.error());
    for (;;) {
        const auto asked = co_await orders->receive();
        if (!asked) co_return fail(asked.error());
        if (asked->empty()) co_return result<void>{};
        const server_figures f = figures_now(bytes);
        char line[100];
        const int size =
            std::snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", f.cpu_ns, f.messages, f.enters);
        const auto sent = co_await answers->send(std::string_view(line, static_cast<std::size_t>(size)));
        if (!sent) co_return sent;
    }
}

task<result<void>> serve() {
    auto listening = co_await net::listen(endpoint::loopback(0));
    if (!listening) co_return fail(listening.error());
    const auto at = co_await listening->local_endpoint();
    if (!at) co_return fail(at.error());
    std::printf("%s\n", at->to_string().c_str());
    std::fflush(stdout);

    std::uint64_t bytes = 0;
    const auto answer = [&bytes](net::stream& peer) -> task<net::after> {
        do {
            const auto received = co_await peer.receive();
            if (!received || received->empty()) co_return net::after::close;
            bytes += received->size();
            if (!co_await peer.send(received->bytes())) co_return net::after::close;
        } while (peer.has_input());
        co_return net::after::idle;
    };
    auto ended = co_await when_any(net::serve(*listening, {}, answer), answer_parent(bytes));
    co_return ended.first == 0 ? std::get<0>(ended.values) : std::get<1>(ended.values);
}

}  // namespace

void stay_on(int processor) {
    if (processor < 0) return;
    ::cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<unsigned>(processor), &only);
    static_cast<void>(::sched_setaffinity(0, sizeof only, &only));
}

int serve_echo(const std::string& backend, int processor) {
    stay_on(processor);
    auto made = loop::create({.backend = backend});
    if (!made) {
        std::printf("%s\n", made.error().message.c_str());
        return 1;
    }
    const auto served = (*made)->run(serve());
    if (!served) std::printf("%s\n", served.error().message().c_str());
    return served ? 0 : 1;
}

// --- In the parent ----------------------------------------------------------------------------------------------

namespace {

struct pipe_ends {
    int read = -1;
    int write = -1;
};

result<pipe_ends> open_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(std::error_code(errno, std::system_category()));
    return pipe_ends{ends[0], ends[1]};
}

/// This program once more, in a process group of its own, so that Ctrl-C is ours to deal with.
int spawn_self(pid_t& child, const std::string& backend, int processor, int input, int output) {
    std::string number = std::to_string(processor);
    std::string name = backend;
    char program[] = "penstock-survey";
    char option[] = "--serve";
    char* const words[] = {program, option, name.data(), number.data(), nullptr};

    ::posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    ::posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const int failure = ::posix_spawn(&child, "/proc/self/exe", &files, &attributes, words, environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    return failure;
}

std::unexpected<std::string> because(std::string_view what, std::error_code why) {
    return std::unexpected(std::string(what) + ": " + why.message());
}

}  // namespace

task<std::expected<endpoint, std::string>> echo_server::start(std::string backend, int processor) {
    const auto in = open_pipe();
    if (!in) co_return because("pipe", in.error());
    const auto out = open_pipe();
    if (!out) co_return because("pipe", out.error());
    const int failure = spawn_self(child_, backend, processor, in->read, out->write);
    ::close(in->read);
    ::close(out->write);
    auto orders = co_await adopt(in->write);
    auto answers = co_await adopt(out->read);
    if (orders) orders_ = std::move(*orders);
    if (answers) answers_ = std::move(*answers);
    if (failure != 0) co_return because("posix_spawn", {failure, std::system_category()});

    const auto line = co_await next_line();
    if (!line) co_return std::unexpected(line.error());
    const auto at = endpoint::parse(*line);
    if (!at) co_return std::unexpected(*line);  // then it is why there is no server
    co_return *at;
}

task<std::expected<server_figures, std::string>> echo_server::figures() {
    const auto asked = co_await orders_.send("?");
    if (!asked) co_return because("the server", asked.error());
    const auto line = co_await next_line();
    if (!line) co_return std::unexpected(line.error());
    server_figures f;
    if (std::sscanf(line->c_str(), "%" SCNu64 " %" SCNu64 " %" SCNu64, &f.cpu_ns, &f.messages, &f.enters) != 3) {
        co_return std::unexpected("the server says: " + *line);
    }
    co_return f;
}

task<std::expected<std::string, std::string>> echo_server::next_line() {
    for (;;) {
        if (const std::size_t end = unread_.find('\n'); end != std::string::npos) {
            std::string line = unread_.substr(0, end);
            unread_.erase(0, end + 1);
            co_return line;
        }
        const auto received = co_await with_timeout(10s, answers_.receive());
        if (!received) co_return because("the server does not answer", received.error());
        if (received->empty()) co_return std::unexpected<std::string>("the server ended early");
        unread_.append(received->text());
    }
}

echo_server::~echo_server() {
    if (child_ < 0) return;
    // Nobody reads what it writes, and it holds nothing that is worth an orderly end.
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace survey

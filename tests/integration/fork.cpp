// A loop used in a forked child ends the child with a message, rather than both processes with a shared ring; a child
// that makes a loop of its own is fine, and the parent goes on.
#include "support/build_kind.hpp"
#include <penstock/penstock.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

using namespace penstock;

namespace {

int failures = 0;

void expect(bool holds, const std::string& backend, const std::string& what) {
    std::printf("%s  %s: %s\n", holds ? "ok  " : "FAIL", backend.c_str(), what.c_str());
    std::fflush(stdout);
    if (!holds) ++failures;
}

task<bool> talk() {
    auto pair = co_await net::connected_pair();
    if (!pair) co_return false;
    if (!co_await pair->first.send("hello")) co_return false;
    const auto received = co_await pair->second.receive();
    co_return received && received->text() == "hello";
}

struct ended {
    int status = 0;
    std::string said;  ///< on standard error
};

template <class Work>
ended in_child(Work work) {
    int ends[2];
    if (::pipe(ends) != 0) return {};
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[0]);
        const ::rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::alarm(30);
        const bool well = work();
        ::_exit(well ? 0 : 1);
    }
    ::close(ends[1]);
    ended e;
    char buffer[1000];
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        e.said.append(buffer, static_cast<std::size_t>(n));
    ::close(ends[0]);
    ::waitpid(child, &e.status, 0);
    return e;
}

void test(const std::string& backend) {
    auto made = loop::create({.backend = backend});
    if (!made) {
        std::printf("skip  %s: %s\n", backend.c_str(), made.error().message.c_str());
        return;
    }
    loop& parents = **made;
    expect(parents.run(talk()), backend, "before the fork");

    const ended misused = in_child([&] { return parents.run(talk()); });
    expect(WIFSIGNALED(misused.status) && WTERMSIG(misused.status) == SIGABRT, backend, "the child is aborted");
    const bool one_line = misused.said.find('\n') == misused.said.size() - 1;
    expect(
        one_line && misused.said.find("a loop was used in a forked child; create a loop of its own there, or fork only "
                                      "to exec") != std::string::npos,
        backend, "it says: " + misused.said.substr(0, misused.said.find('\n')));

    if (testing::is_sanitized) {
        std::printf("skip  %s: sanitizers do not start threads in a forked child\n", backend.c_str());
    } else {
        const ended fresh = in_child([&] {
            auto own = loop::create({.backend = backend});
            return own && (*own)->run(talk());
        });
        expect(WIFEXITED(fresh.status) && WEXITSTATUS(fresh.status) == 0, backend,
               "a loop of the child's own " + fresh.said);
    }
    const ended leaving = in_child([&] {
        made->reset();
        return true;
    });
    expect(WIFEXITED(leaving.status) && WEXITSTATUS(leaving.status) == 0, backend,
           "destroyed in the child " + leaving.said);
    expect(parents.run(talk()), backend, "the parent goes on");
}

}  // namespace

int main() {
    for (const std::string_view backend : backend_names()) {
        if (backend != "null") test(std::string(backend));
    }
    return failures == 0 ? 0 : 1;
}

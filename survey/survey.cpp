// penstock-survey: which backends work on this machine, why the others do not, and the same echo load on each that
// does. Run by ./run.
#include "echo_load.hpp"
#include "echo_server.hpp"
#include "terminal.hpp"
#include <penstock/penstock.hpp>

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace survey {
namespace {

using namespace penstock;

constexpr int misuse = 2;  // exit status
constexpr int interrupted = 130;

constexpr const char* usage =
    "usage: ./run [--seconds S] [--once]\n"
    "\n"
    "Shows the backends of penstock that work on this machine and why the others do not, then puts the same echo\n"
    "load on each.\n"
    "\n"
    "  --seconds S   measure each backend for S seconds (default 1)\n"
    "  --once        run once and exit, which is what happens anyway; for scripts\n"
    "  --help        this text\n";

struct options {
    double seconds = 1;
};

[[noreturn]] void refuse(const std::string& what) {
    std::fprintf(stderr, "penstock-survey: %s; --help lists the options\n", what.c_str());
    std::exit(misuse);
}

options read_options(const std::vector<std::string>& words) {
    options chosen;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "--once") continue;
        if (words[i] == "--help") {
            std::fputs(usage, stdout);
            std::exit(0);
        }
        if (words[i] != "--seconds") refuse("unknown option '" + words[i] + "'");
        if (++i == words.size()) refuse("--seconds needs a number");
        char* end = nullptr;
        chosen.seconds = std::strtod(words[i].c_str(), &end);
        if (*end != '\0' || !(chosen.seconds > 0 && chosen.seconds <= 3600)) {
            refuse("'" + words[i] + "' is not a number of seconds from 0 to 3600");
        }
    }
    return chosen;
}

/// The server and the load, each on a processor of its own; -1 if there is only one.
struct placement {
    int server = -1;
    int load = -1;
};

placement place() {
    ::cpu_set_t allowed;
    std::vector<int> usable;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (int i = 0; i < CPU_SETSIZE; ++i) {
            if (CPU_ISSET(static_cast<unsigned>(i), &allowed)) usable.push_back(i);
        }
    }
    if (usable.size() < 2) return {};
    return {usable[0], usable[1]};
}

// --- What is printed --------------------------------------------------------------------------------------------

constexpr std::size_t name_width = 11;

/// The backend `null` moves no bytes; it is told by that.
bool can_echo(const backend_report& b) {
    return b.works && b.capabilities[op_kind::receive].support != support::unsupported;
}

std::string how(const capability_table& table, op_kind kind) { return std::string(to_string(table[kind].support)); }

void print_backends(const terminal& out, const std::vector<backend_report>& found) {
    std::printf("\n%s\n", out.strong("Backends").c_str());
    std::printf("  %s\n", out.faint(left("", name_width + 2) + left("sockets", 11) + left("files", 11)).c_str());
    for (const backend_report& b : found) {
        const std::string mark = b.works ? out.good(out.unicode ? "✓" : "+") : out.bad(out.unicode ? "✗" : "-");
        const std::string name = left(b.name, name_width);
        if (!b.works) {
            std::printf("  %s %s %s\n", mark.c_str(), name.c_str(), out.bad(b.why_not).c_str());
        } else if (!can_echo(b)) {
            std::printf("  %s %s %s%s\n", mark.c_str(), name.c_str(), left("-", 11).c_str(),
                        (left("-", 11) + b.description).c_str());
        } else {
            std::printf("  %s %s %s%s%s\n", mark.c_str(), name.c_str(),
                        left(how(b.capabilities, op_kind::receive), 11).c_str(),
                        left(how(b.capabilities, op_kind::read_at), 11).c_str(), b.description.c_str());
        }
    }
    std::fflush(stdout);
}

void print_figures(const terminal& out, const std::vector<measured>& all) {
    double best = std::numeric_limits<double>::max();
    for (const measured& m : all) {
        if (m.failure.empty()) best = std::min(best, m.cpu_us);
    }
    const std::string per_message = "CPU " + std::string(out.micro()) + "/msg";
    // The micro sign is one column and two bytes.
    const std::size_t cpu_width = 12 + per_message.size() - std::string_view("CPU us/msg").size();
    std::printf("  %s\n", out.faint(left("", name_width + 2) + right(per_message, cpu_width) + right("to best", 10) +
                                    right("enters/msg", 13) + right("messages/s", 13) + right("p99", 12))
                              .c_str());
    for (const measured& m : all) {
        const std::string name = left(m.backend, name_width + 2);
        if (!m.failure.empty()) {
            std::printf("  %s%s\n", name.c_str(), out.bad(m.failure).c_str());
            continue;
        }
        const std::string ratio = right(fixed(m.cpu_us / best, 2), 10);
        std::printf("  %s%s%s%s%s%s %s\n", name.c_str(), right(fixed(m.cpu_us, 2), 12).c_str(),
                    (m.cpu_us == best ? out.good(ratio) : ratio).c_str(), right(fixed(m.enters, 3), 13).c_str(),
                    right(grouped(m.per_second), 13).c_str(), right(grouped(m.p99_us), 9).c_str(),
                    std::string(out.micro()).c_str());
    }
}

void print_notes(const terminal& out) {
    const auto note = [&](const char* text) { std::printf("  %s\n", out.faint(text).c_str()); };
    std::printf("\n");
    note("CPU: the server's, all its threads. enters: its system calls that submit to or wait on the mechanism");
    note("(io_uring_enter, epoll_wait, io_submit ...), from the loop's statistics; where readiness is followed by");
    note("plain calls, and on threads, each recv and send comes on top.");
}

void print_next(const terminal& out) {
    struct step {
        const char* command;
        const char* what;
    };
    constexpr step steps[] = {
        {"tools/build", "build everything, the examples too"},
        {"build/release/bin/examples/echo 127.0.0.1:7000", "a server of 50 lines; --backend NAME chooses"},
        {"tools/bench echo", "each backend beside a bare loop of its mechanism"},
        {"./test --only conformance", "one suite over every backend"},
    };
    std::printf("\n%s\n", out.strong("Next").c_str());
    for (const step& s : steps) std::printf("  %s%s\n", left(s.command, 49).c_str(), out.faint(s.what).c_str());
}

/// The moving line on a terminal; elsewhere one line per backend. On standard error, apart from the results.
class progress_line {
  public:
    explicit progress_line(const terminal& t) : terminal_(t) {}
    ~progress_line() { clear(); }
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;

    void begin(const std::string& backend, std::size_t number, std::size_t of) {
        name_ = backend;
        if (!terminal_.moves) std::fprintf(stderr, "measuring %s (%zu of %zu)\n", backend.c_str(), number, of);
    }
    void tell(double share, std::uint64_t messages) const {
        if (!terminal_.moves) return;
        std::fprintf(stderr, "\r  %s%s  %s messages\033[K", left(name_, name_width + 2).c_str(),
                     terminal_.bar(share).c_str(), grouped(static_cast<double>(messages)).c_str());
    }
    void clear() const {
        if (terminal_.moves) std::fputs("\r\033[K", stderr);
    }

  private:
    terminal terminal_;
    std::string name_;
};

// --- The order of things ----------------------------------------------------------------------------------------

task<std::vector<measured>> measure_all(std::vector<std::string> backends, options chosen, int server_processor) {
    progress_line line(terminal::of(STDERR_FILENO));
    const duration length(static_cast<std::int64_t>(chosen.seconds * 1e9));
    std::vector<measured> all;
    for (const std::string& backend : backends) {
        if (!co_await sleep_for(duration{0})) break;  // interrupted
        line.begin(backend, all.size() + 1, backends.size());
        all.push_back(co_await measure_echo(backend, length, server_processor,
                                            [&](double share, std::uint64_t messages) { line.tell(share, messages); }));
    }
    co_return all;
}

/// \return the exit status.
task<int> survey(options chosen, std::vector<backend_report> found) {
    const terminal out = terminal::of(STDOUT_FILENO);
    std::vector<std::string> measurable;
    for (const backend_report& b : found) {
        if (can_echo(b)) measurable.push_back(b.name);
    }
    const placement where = place();
    stay_on(where.load);
    std::printf("\n%s\n", out.strong("Echo").c_str());
    std::printf("  %zu bytes, %d connections, %s s each; %s\n\n", message_size, connections,
                fixed(chosen.seconds, 1).c_str(),
                where.server < 0 ? "server and load share the one processor" : "server and load on a processor each");
    std::fflush(stdout);

    auto stop = co_await watch_signals({SIGINT, SIGTERM});
    if (!stop) co_return 1;
    auto ended = co_await when_any(measure_all(measurable, chosen, where.server), stop->next());
    if (ended.first != 0) {
        std::fputs("interrupted\n", stderr);
        co_return interrupted;
    }
    const std::vector<measured>& all = std::get<0>(ended.values);
    print_figures(out, all);
    print_notes(out);
    print_next(out);
    for (const measured& m : all) {
        if (!m.failure.empty()) co_return 1;
    }
    co_return 0;
}

int run(const options& chosen) {
    const terminal out = terminal::of(STDOUT_FILENO);
    ::utsname system{};
    ::uname(&system);
    std::printf("%s on %s %s, %u processors\n", out.strong("penstock " + std::string(version())).c_str(),
                system.sysname, system.release, std::thread::hardware_concurrency());
    std::vector<backend_report> found = survey_backends();
    print_backends(out, found);

    block_signals({SIGINT, SIGTERM});
    auto made = loop::create();
    if (!made) {
        std::fprintf(stderr, "penstock-survey: %s\n", made.error().message.c_str());
        return misuse;
    }
    const explanation& why = (*made)->explain();
    std::printf("\n  auto takes %s: %s\n", out.strong(why.chosen).c_str(), why.reason.c_str());
    return (*made)->run(survey(chosen, std::move(found)));
}

}  // namespace
}  // namespace survey

int main(int count, char** values) {
    const std::vector<std::string> words(values + 1, values + count);
    if (words.size() == 3 && words[0] == "--serve") return survey::serve_echo(words[1], std::atoi(words[2].c_str()));
    return survey::run(survey::read_options(words));
}

#include "process/child.hpp"

#include "process/interrupt.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace iobench {

namespace {

using seconds = std::chrono::duration<double>;
using std::chrono::steady_clock;

constexpr int priority = -10;  // so that neither side of a measurement queues behind whatever else runs here
constexpr seconds slice{0.1};  // how long a wait goes on before it looks whether the user wants an end

int core_of(core where) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (where == core::any || ::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return -1;
    int last = -1;
    int wanted = where == core::server ? 0 : 1;  // a machine with one core measures both sides on it
    for (int cpu = 0; cpu < CPU_SETSIZE && wanted >= 0; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        last = cpu;
        --wanted;
    }
    return last;
}

/// In the child, before the program runs. Only what is safe after fork().
void settle(int cpu) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::setpgid(0, 0);  // Ctrl-C on the terminal is for the parent
    for (const int number : {SIGINT, SIGTERM, SIGPIPE}) ::signal(number, SIG_DFL);
    if (cpu < 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    ::setpriority(PRIO_PROCESS, 0, priority);  // refused to most users: then it is measured with more noise
}

/// A number behind `key` in a file of /proc.
std::uint64_t number_behind(const std::string& text, const char* key) {
    const auto found = text.find(key);
    return found == std::string::npos ? 0 : std::strtoull(text.c_str() + found + std::strlen(key), nullptr, 10);
}

std::string read_all(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();  // empty if a thread ended just now
}

void add_process(pid_t pid, usage& sum) {
    const std::filesystem::path folder = "/proc/" + std::to_string(pid);
    sum.resident_bytes += number_behind(read_all(folder / "status"), "VmRSS:") * 1024;
    std::error_code gone;
    std::vector<pid_t> children;
    for (const auto& task : std::filesystem::directory_iterator(folder / "task", gone)) {
        sum.cpu_nanoseconds += std::strtoull(read_all(task.path() / "schedstat").c_str(), nullptr, 10);
        const std::string status = read_all(task.path() / "status");
        sum.voluntary_switches += number_behind(status, "\nvoluntary_ctxt_switches:");
        sum.involuntary_switches += number_behind(status, "nonvoluntary_ctxt_switches:");
        ++sum.threads;
        std::istringstream below(read_all(task.path() / "children"));
        for (pid_t one = 0; below >> one;) children.push_back(one);
    }
    for (const pid_t one : children) add_process(one, sum);
}

}  // namespace

std::expected<child, std::string> child::in_role(const std::vector<std::string>& words, core where) {
    auto counters = shared_counters::create();
    if (!counters) return std::unexpected(counters.error());
    std::vector<std::string> all = {"iobench", "--counters", counters->path(), "--role"};
    all.insert(all.end(), words.begin(), words.end());
    return spawn("/proc/self/exe", std::move(all), where, std::move(*counters));
}

std::expected<child, std::string> child::program(const std::vector<std::string>& words, core where) {
    return spawn(words.at(0), words, where, {});
}

std::expected<child, std::string> child::spawn(const std::string& file, std::vector<std::string> words, core where,
                                               shared_counters counters) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int in[2];
    int out[2];
    int errors[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(errors, O_CLOEXEC) != 0) {
        return std::unexpected(std::string("pipe2: ") + std::strerror(errno));
    }
    const int cpu = core_of(where);
    const pid_t pid = ::fork();
    if (pid == 0) {
        settle(cpu);
        ::dup2(in[0], 0);
        ::dup2(out[1], 1);
        ::dup2(errors[1], 2);
        ::execvp(file.c_str(), arguments.data());
        ::_exit(127);
    }
    for (const int end : {in[0], out[1], errors[1]}) ::close(end);
    child made;
    made.pid_ = pid;
    made.in_ = in[1];
    made.out_ = out[0];
    made.errors_ = errors[0];
    made.counters_ = std::move(counters);
    for (const std::string& word : words) made.name_ += (made.name_.empty() ? "" : " ") + word;
    if (pid < 0) return std::unexpected(std::string("fork: ") + std::strerror(errno));
    return made;
}

child::child(child&& other) noexcept { *this = std::move(other); }

child& child::operator=(child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(in_, other.in_);
    std::swap(out_, other.out_);
    std::swap(errors_, other.errors_);
    std::swap(counters_, other.counters_);
    std::swap(name_, other.name_);
    std::swap(buffered_, other.buffered_);
    return *this;
}

child::~child() {
    end();
    for (const int fd : {in_, out_, errors_}) {
        if (fd >= 0) ::close(fd);
    }
}

void child::end() noexcept {
    if (pid_ <= 0) return;
    const pid_t group = pid_;  // it leads one: what it has started itself is to end, too
    ::kill(-group, SIGTERM);
    const auto limit = steady_clock::now() + std::chrono::seconds(5);
    while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
        if (steady_clock::now() > limit) ::kill(pid_, SIGKILL);
        ::usleep(1000);
    }
    ::kill(-group, SIGKILL);
    pid_ = -1;
}

std::expected<std::string, std::string> child::read_line(std::chrono::duration<double> patience) {
    const auto limit = steady_clock::now() + patience;
    for (;;) {
        if (const auto end = buffered_.find('\n'); end != std::string::npos) {
            std::string line = buffered_.substr(0, end);
            buffered_.erase(0, end + 1);
            return line;
        }
        if (interrupted()) return std::unexpected("interrupted");
        if (steady_clock::now() > limit) return std::unexpected(name_ + ": said nothing for too long");
        pollfd wait{.fd = out_, .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, static_cast<int>(slice.count() * 1000)) <= 0) continue;
        char buffer[4096];
        const auto n = ::read(out_, buffer, sizeof buffer);
        if (n <= 0) return std::unexpected(name_ + ": " + last_words());
        buffered_.append(buffer, static_cast<std::size_t>(n));
    }
}

std::expected<void, std::string> child::tell(const std::string& line) {
    const std::string all = line + "\n";
    if (::write(in_, all.data(), all.size()) == static_cast<ssize_t>(all.size())) return {};
    return std::unexpected(name_ + ": " + last_words());
}

std::expected<usage, std::string> child::used() const {
    if (pid_ <= 0 || ::kill(pid_, 0) != 0) return std::unexpected(name_ + ": it has ended");
    usage sum;
    add_process(pid_, sum);
    sum.calls = counters_.read();
    return sum;
}

std::expected<int, std::string> child::finish(std::chrono::duration<double> patience) {
    const auto limit = steady_clock::now() + patience;
    int status = 0;
    while (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == 0) {
        if (interrupted()) return std::unexpected("interrupted");
        if (steady_clock::now() > limit) return std::unexpected(name_ + ": does not end");
        ::usleep(1000);
    }
    pid_ = -1;
    if (WIFSIGNALED(status)) return std::unexpected(name_ + ": ended by signal " + std::to_string(WTERMSIG(status)));
    return WEXITSTATUS(status);
}

/// What it said last on standard error, once it closed its output.
std::string child::last_words() {
    std::string said;
    char buffer[4096];
    pollfd wait{.fd = errors_, .events = POLLIN, .revents = 0};
    while (::poll(&wait, 1, 1000) > 0) {
        const auto n = ::read(errors_, buffer, sizeof buffer);
        if (n <= 0) break;
        said.append(buffer, static_cast<std::size_t>(n));
    }
    while (!said.empty() && said.back() == '\n') said.pop_back();
    if (!said.empty()) return said.substr(said.rfind('\n') + 1);
    const auto status = finish(seconds(1));
    return !status ? status.error() : "ended with status " + std::to_string(*status);
}

}  // namespace iobench

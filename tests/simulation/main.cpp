// simulation_tests: plays histories, each decided by its seed, and says how to see a failed one again.
#include "simulation/history.hpp"
#include "simulation/summary.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX's
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace simulated {
namespace {

constexpr const char* description =
    "Plays histories of TinyGate, its clients and its origins on a simulated machine. A seed decides everything.";

constexpr std::uint64_t twice_each = 20;  // of so many seeds one is played again, and must be the same

struct command_line {
    std::string seeds = "1..100";
    std::string regressions;
    std::string mutant = "none";
    bool mutants = false;
    bool trace = false;
};

struct seed_range {
    std::uint64_t first = 1;
    std::uint64_t last = 1;
};

// For whoever a crash leaves behind.
char now_playing[160];

extern "C" void tell_seed(int signal) {
    static_cast<void>(!::write(STDERR_FILENO, now_playing, std::string_view(now_playing).size()));
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

void note_seed(std::uint64_t seed, std::string_view mutant) {
    const std::string text = "crashed in seed " + std::to_string(seed) + "\n" + replay_line(seed, mutant) + "\n";
    text.copy(now_playing, sizeof now_playing - 1);
    now_playing[std::min(text.size(), sizeof now_playing - 1)] = '\0';
}

void print_failure(std::uint64_t seed, std::string_view mutant, const std::vector<std::string>& violations) {
    std::printf("FAILED seed %llu\n", static_cast<unsigned long long>(seed));
    for (const std::string& v : violations) std::printf("    %s\n", v.c_str());
    std::printf("  %s\n", replay_line(seed, mutant).c_str());
    std::fflush(stdout);
}

/// Plays one seed. \return whether it held.
bool play_seed(std::uint64_t seed, const command_line& asked, summary& all) {
    note_seed(seed, "none");
    history_report report = play({.seed = seed, .keep_trace = asked.trace});
    all.add(report);
    if (asked.trace) std::printf("%s%s", report.trace.c_str(), report.description.c_str());
    if (seed % twice_each == 0) {
        all.add_replay();
        if (play({.seed = seed, .keep_trace = asked.trace}).trace_hash != report.trace_hash) {
            report.violations.emplace_back("the same seed was not the same history");
        }
    }
    if (report.violations.empty()) return true;
    print_failure(seed, "none", report.violations);
    return false;
}

/// \return how many did not hold.
std::size_t play_all(const std::vector<std::uint64_t>& seeds, const command_line& asked) {
    summary all;
    std::size_t failed = 0;
    for (const std::uint64_t seed : seeds) {
        if (!play_seed(seed, asked, all)) ++failed;
        if (all.is_time_to_speak()) all.print_progress(seeds.size());
    }
    all.print(failed);
    return failed;
}

/// Plays until the mutant is seen. \return whether it was.
bool catch_mutant(const mutant_name& mutant, seed_range within, const command_line& asked) {
    std::uint64_t struck = 0;
    for (std::uint64_t seed = within.first; seed <= within.last; ++seed) {
        note_seed(seed, mutant.name);
        const history_report report = play({.seed = seed, .mutant = mutant.kind, .keep_trace = asked.trace});
        if (asked.trace) std::fputs(report.trace.c_str(), stdout);
        struck += report.machine.mutations;
        if (report.violations.empty()) continue;
        std::printf("caught %s in seed %llu: %s\n", mutant.name.data(), static_cast<unsigned long long>(seed),
                    report.violations.front().c_str());
        std::fflush(stdout);
        return true;
    }
    std::printf("NOT CAUGHT %s, which struck %llu times in seeds %llu..%llu\n", mutant.name.data(),
                static_cast<unsigned long long>(struck), static_cast<unsigned long long>(within.first),
                static_cast<unsigned long long>(within.last));
    std::fflush(stdout);
    return false;
}

int catch_mutants(seed_range within, const command_line& asked) {
    bool all = true;
    for (const mutant_name& m : mutants) {
        if (asked.mutants || asked.mutant == m.name) all = catch_mutant(m, within, asked) && all;
    }
    return all ? 0 : 1;
}

/// `17` or `1..1000`.
bool read_range(const std::string& text, seed_range& into) {
    const auto dots = text.find("..");
    const auto number = [](const std::string& digits, std::uint64_t& n) {
        char* end = nullptr;
        n = std::strtoull(digits.c_str(), &end, 10);
        return !digits.empty() && *end == '\0';
    };
    const std::string last = dots == std::string::npos ? text : text.substr(dots + 2);
    return number(text.substr(0, dots), into.first) && number(last, into.last) && into.first <= into.last;
}

std::string check_range(const std::string& text) {
    seed_range unused;
    return read_range(text, unused) ? "" : "seeds are a number or FROM..TO";
}

int run(const command_line& asked) {
    for (const int s : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) ::signal(s, tell_seed);
    seed_range range;
    read_range(asked.seeds, range);
    if (asked.mutants || asked.mutant != "none") return catch_mutants(range, asked);
    std::vector<std::uint64_t> seeds;
    if (!asked.regressions.empty() && !read_seeds(asked.regressions, seeds)) {
        std::fprintf(stderr, "simulation_tests: %s can't be read\n", asked.regressions.c_str());
        return 2;
    }
    for (std::uint64_t seed = range.first; seed <= range.last; ++seed) seeds.push_back(seed);
    return play_all(seeds, asked) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace simulated

int main(int count, char** values) {
    simulated::command_line asked;
    std::vector<std::string> names;
    for (const auto& m : simulated::mutants) names.emplace_back(m.name);
    CLI::App app(simulated::description, "simulation_tests");
    app.add_option("--seeds", asked.seeds, "which histories")
        ->type_name("FROM..TO")
        ->check(CLI::Validator(simulated::check_range, "", ""))
        ->capture_default_str();
    app.add_option("--regressions", asked.regressions, "a file of seeds that are played first")->type_name("FILE");
    app.add_option("--mutant", asked.mutant, "build in this defect, and fail if it is not seen")
        ->check(CLI::IsMember(names));
    app.add_flag("--mutants", asked.mutants, "each of them");
    app.add_flag("--trace", asked.trace, "print everything that happens");
    CLI11_PARSE(app, count, values);
    return simulated::run(asked);
}

// iobench: every I/O model of this machine side by side.
#include "cli/commands.hpp"
#include "count/counters.hpp"
#include "registry.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace {

/// As a child of itself.
int play(std::span<const std::string> words) {
    const auto all = iobench::roles();
    const auto chosen =
        std::ranges::find_if(all, [&](const iobench::role& r) { return words.size() > 0 && r.name == words[0]; });
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also of a tracer, which would leave it running
    if (chosen == all.end()) return std::fputs("iobench: no such role\n", stderr), 2;
    return chosen->run(words.subspan(1));
}

}  // namespace

int main(int count, char** values) {
    const std::vector<std::string> words(values + 1, values + count);
    std::span<const std::string> left = words;
    if (left.size() > 1 && left[0] == "--counters") {
        if (const auto counted = iobench::adopt_counters(left[1]); !counted) {
            return std::fprintf(stderr, "iobench: %s\n", counted.error().c_str()), 2;
        }
        left = left.subspan(2);
    }
    if (!left.empty() && left[0] == "--role") return play(left.subspan(1));
    return iobench::command_line(count, values);
}

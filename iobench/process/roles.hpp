// What this program does when it runs as a child of itself: `iobench --role NAME ARGUMENT...`.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace iobench {

/// A role. `run` takes its arguments, speaks lines on standard output, and returns the exit status. Mistakes are told
/// in one line on standard error. It is not measured before it has said its first line.
struct role {
    std::string_view name;
    int (*run)(std::span<const std::string> arguments);
};

}  // namespace iobench

// The machine's basic costs: what a single call, switch, wake-up or question for readiness takes.
#pragma once

#include "process/child.hpp"
#include "process/roles.hpp"

#include <expected>
#include <functional>
#include <string>
#include <vector>

namespace iobench {

/// What one repetition takes.
struct timing {
    double nanoseconds = 0;      ///< of the clock on the wall
    double cpu_nanoseconds = 0;  ///< of all threads of the process, the kernel's part included
};

/// Something that is repeated for a while in a process of its own.
struct primitive {
    std::string name;
    /// `of` is a size where there is one: how many descriptors. Ends the process with one line on standard error if the
    /// kernel refuses.
    std::function<timing(double seconds, int of)> measure;
};

/// One call or switch each: no rivals.
std::vector<primitive> machine_primitives();
/// Asking which of N descriptors is ready, where one is.
std::vector<primitive> readiness_questions();
/// A thread wakes another, which wakes it in turn: the time of one way. `of` is 1 if both are on one core, or 2.
std::vector<primitive> wake_ups();

/// Runs one of a set (machine, readiness, wake) in a child. `where` is core::any if it places its threads itself.
std::expected<timing, std::string> measure_primitive(const std::string& set, const std::string& name, double seconds,
                                                     int of, core where);

/// `primitive SET NAME SECONDS OF`: says what it took, as JSON.
role primitive_role();

}  // namespace iobench

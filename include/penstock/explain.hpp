// Which backend runs, why, and what it can do: for logs, capability tables and questions of users.
#pragma once

#include <penstock/backend_options.hpp>
#include <penstock/capabilities.hpp>
#include <penstock/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// Something that a mechanism may have, or was asked for, beyond its operations: a mode, a flag, registered memory.
struct feature_report {
    std::string_view name;  ///< as uring_options calls it, or the kernel
    bool on = false;
    std::string detail;  ///< one line: what it is set to, or why it is not on
};

/// One backend as it was found on this machine.
struct backend_report {
    std::string name;
    std::string description;  ///< one line for people
    bool works = false;
    std::string why_not;                   ///< one line if it does not
    capability_table capabilities;         ///< if it works
    std::vector<feature_report> features;  ///< if it works: also those that are not on, and why
};

/// Why a loop runs on the backend it does.
struct explanation {
    std::string chosen;                    ///< the backend's name
    std::string reason;                    ///< one line: who asked for it, or what failed before it
    std::string advice;                    ///< one line: how to get the better one; empty if this is the best
    std::vector<backend_report> refused;   ///< the better ones that were tried first
    capability_table capabilities;         ///< of the chosen one
    std::vector<feature_report> features;  ///< of the chosen one, as it was set up: on or not, and why

    /// `io_uring (best of those that work here)`: the log line.
    std::string line() const;
};

/// Tries every backend of this build once and reports what it found. Takes a few milliseconds.
std::vector<backend_report> survey_backends(const backend_options& options = {});

/// The names that loop_options::backend takes, best first, `auto` not included. `null` is for measuring only.
std::vector<std::string_view> backend_names();

}  // namespace penstock

// The gate as a process: one loop per core, the process's limits, signals and output.
#pragma once

#include "config/options.hpp"
#include <penstock/result.hpp>

namespace tinygate {

/// Runs the gate until SIGTERM or SIGINT and then drains it. Prints where it listens and on which backend, and why, to
/// standard output once every address is bound.
/// \return nothing after an orderly end, or one line about what could not be had; then nothing was started.
std::expected<void, penstock::setup_error> run_gate(const options& asked);

}  // namespace tinygate

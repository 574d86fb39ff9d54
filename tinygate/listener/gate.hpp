// The gate as a whole: a worker on each loop of a runtime, listening on the same addresses.
#pragma once

#include "config/options.hpp"
#include <penstock/result.hpp>

namespace tinygate {

/// Runs the gate until SIGTERM or SIGINT and then drains it. Prints where it listens and on which backend, and why, to
/// standard output once every address is bound.
/// \return nothing after an orderly end, or one line about what could not be had; then nothing was started.
std::expected<void, penstock::setup_error> run_gate(const options& asked);

}  // namespace tinygate

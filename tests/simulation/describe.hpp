// A history for people: what was planned, and what became of each request.
#pragma once

#include "simulation/world.hpp"

#include <string>

namespace simulated {

/// Lines, each with its end.
std::string describe(const world& w);

}  // namespace simulated

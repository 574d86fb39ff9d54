// Saying in one line why something could not be set up.
#pragma once

#include <penstock/result.hpp>

#include <string_view>

namespace penstock::detail {

/// `call: reason`, with what to do about it where that is known (the descriptor limit, for one).
setup_error setup_failure(std::string_view call, int error);

}  // namespace penstock::detail

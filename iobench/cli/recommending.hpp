// `iobench recommend`.
#pragma once

#include <string>

namespace iobench {

/// Prints what to pick for each kind of program, by a file of results. \return the exit status
int recommend_from(const std::string& file);

}  // namespace iobench

// `iobench compare`.
#pragma once

#include <string>

namespace iobench {

/// Prints the two runs' figures beside each other. \return the exit status
int compare_files(const std::string& before, const std::string& after);

}  // namespace iobench

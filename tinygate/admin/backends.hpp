// `tinygate backends`: what this machine can do.
#pragma once

#include <string>

namespace tinygate {

/// A table of every mechanism: whether it works here and why not, and how it carries out each operation.
std::string describe_backends();

}  // namespace tinygate

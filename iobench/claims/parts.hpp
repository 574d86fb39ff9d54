// The parts of the table, by subject.
#pragma once

#include "claims/claims.hpp"

#include <vector>

namespace iobench {

std::vector<claim> basic_claims();   ///< costs of single calls, and how they grow
std::vector<claim> socket_claims();  ///< servers
std::vector<claim> file_claims();
std::vector<claim> choice_claims();  ///< which model for what

}  // namespace iobench

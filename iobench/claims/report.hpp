// The findings, for people and for programs. Both say the same.
#pragma once

#include "claims/claims.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace iobench {

/// A row for each claim that begins with its id and its verdict; further lines of it are indented.
std::string claims_text(const std::vector<finding>&);

nlohmann::json claims_json(const std::vector<finding>&);

}  // namespace iobench

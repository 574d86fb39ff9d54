// The findings, for people and for programs. Both say the same.
#pragma once

#include "claims/claims.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace iobench {

/// A row for each claim: "id: verdict", and indented lines below. As wide as the terminal.
/// `name` is what they are called, "claims".
std::string claims_text(const std::vector<finding>&, const char* name = "claims");

nlohmann::json claims_json(const std::vector<finding>&);

}  // namespace iobench

// The capability tables that several backends start from.
#pragma once

#include <penstock/backend_options.hpp>
#include <penstock/capabilities.hpp>

namespace penstock::detail {

/// What any readiness mechanism can do: it says when, plain calls do the work, files go to a pool.
capability_table readiness_capabilities(const backend_options& options);

/// Marks the operations that options.denied names as unsupported.
void apply_denied(capability_table& table, const backend_options& options);

}  // namespace penstock::detail

// The backend that has a machine of its own instead of the kernel's.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

/// Part of backend_options::world, or of a world of its own that backend_options::seed decides.
std::expected<std::unique_ptr<backend>, setup_error> create_simulated(const backend_environment& environment);

}  // namespace penstock::detail

// poll(2): an array of descriptors, handed to the kernel whole at each wait.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_poll(const backend_environment& environment);

}  // namespace penstock::detail

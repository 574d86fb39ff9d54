// select(2): three sets of FD_SETSIZE bits, copied to the kernel and back at each wait.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_select(const backend_environment& environment);

}  // namespace penstock::detail

// Signal-driven I/O (fcntl(2), F_SETSIG): descriptors send a real-time signal when something has changed.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_sigio(const backend_environment& environment);

}  // namespace penstock::detail

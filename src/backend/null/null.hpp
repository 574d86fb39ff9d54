// The backend that does nothing: what remains is the cost of the library.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_null(const backend_environment& environment);

}  // namespace penstock::detail

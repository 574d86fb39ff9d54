// io_uring(7): submissions and completions in rings shared with the kernel.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_io_uring(const backend_environment& environment);

}  // namespace penstock::detail

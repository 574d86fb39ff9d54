// epoll(7), edge-triggered: one epoll_ctl per descriptor's life, both directions at once.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_epoll(const backend_environment& environment);

}  // namespace penstock::detail

// epoll(7). By edges: one epoll_ctl per descriptor's life, both directions at once. By level or once at a time: what
// somebody waits for, told to the kernel before each wait (change_list.hpp).
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_epoll(const backend_environment& environment);

}  // namespace penstock::detail

// Native AIO: poll, reads and writes of a turn in one io_submit, completions from the ring in user space. Works where
// io_uring is forbidden, and needs no epoll for a server's steady state.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_linux_aio(const backend_environment& environment);

}  // namespace penstock::detail

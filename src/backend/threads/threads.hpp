// The oldest model: one blocked thread per waiting operation. Works on every kernel and under every seccomp
// profile.
#pragma once

#include "backend/backend.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_threads(const backend_environment& environment);

}  // namespace penstock::detail

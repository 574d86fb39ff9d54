// Choosing a backend by name, or the best that works.
#pragma once

#include "backend/backend.hpp"
#include <penstock/explain.hpp>

#include <span>

namespace penstock::detail {

/// Every mechanism of this build, in the order in which `auto` tries them; those that `auto` never takes come last.
std::span<const mechanism> mechanisms() noexcept;

struct choice {
    std::unique_ptr<penstock::detail::backend> backend;
    explanation why;
};

/// Sets up the backend that `wanted` names. `auto` asks PENSTOCK_BACKEND first, then takes the best that works, going
/// on only when one is refused (ENOSYS, EPERM, EINVAL), not when memory or descriptors are short.
/// What the name says besides the mechanism is noted in `options`, which outlive the backend, as all of these do.
std::expected<choice, setup_error> choose_backend(std::string_view wanted, backend_options& options,
                                                  buffer_pool& buffers, worker_pool& workers);

}  // namespace penstock::detail

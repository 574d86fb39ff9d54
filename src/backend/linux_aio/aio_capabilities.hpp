// What native AIO does itself, and what it leaves to plain calls and to the worker pool.
#pragma once

#include <penstock/capabilities.hpp>

namespace penstock::detail {

/// Turns the answers of a readiness mechanism into those of native AIO; what is denied stays so.
void describe_linux_aio(capability_table& table) noexcept;

}  // namespace penstock::detail

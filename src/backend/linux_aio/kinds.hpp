// What native AIO does itself, and what it leaves to plain calls and to the worker pool. kinds.cpp is all that a new
// kind touches here.
#pragma once

#include <penstock/capabilities.hpp>

namespace penstock::detail {

/// Whether there is a command for it, which joins the turn's io_submit.
bool joins_batch(op_kind kind) noexcept;

/// Turns the answers of a readiness mechanism into those of native AIO; what is denied stays so.
void describe_linux_aio(capability_table& table) noexcept;

}  // namespace penstock::detail

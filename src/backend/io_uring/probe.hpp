// Finding out what a ring can do by doing it.
#pragma once

#include "backend/io_uring/kinds.hpp"
#include "backend/io_uring/ring.hpp"
#include <penstock/backend_options.hpp>
#include <penstock/capabilities.hpp>

#include <array>
#include <cerrno>
#include <vector>

namespace penstock::detail {

using route_table = std::array<route, op_kind_count>;

/// Whether the kernel has no such opcode, or does not allow it.
constexpr bool lacks_opcode(int outcome) noexcept {
    return outcome == -EINVAL || outcome == -EACCES || outcome == -EOPNOTSUPP;
}

/// Submits the operation's entry to a ring that has nothing else under way. \return what the kernel says.
int attempt(ring& r, operation& op) noexcept;

/// The same of a clock, which ticks once.
int attempt_tick(ring& r) noexcept;

/// Whether a read can go on by itself.
bool can_read_ahead(ring& r) noexcept;

/// The opcodes behind the kinds of options.denied.
std::vector<std::uint8_t> forbidden_opcodes(const backend_options& options);

/// Submits each opcode that the backend uses with a descriptor that does not exist: a kernel that has it says EBADF,
/// one that does not, or may not, says EINVAL or EACCES, and the kind takes its way out.
/// \return 0, or -errno if even polling and cancelling do not work.
int probe(ring& r, route_table& routes, capability_table& capabilities);

/// Every opcode that this backend may submit.
std::vector<std::uint8_t> opcodes_in_use();

/// Whether the kernel knows sends that copy nothing and say whether that was so.
bool can_send_without_copying(ring& r) noexcept;

/// Whether the kernel knows reads and writes of memory that was registered.
bool can_use_registered_memory(ring& r) noexcept;

/// Whether the kernel knows limit_receive().
bool can_limit_receives(ring& r) noexcept;

/// Whether the kernel carries out linked entries, and knows a time limit of one.
bool can_limit_links(ring& r) noexcept;

}  // namespace penstock::detail

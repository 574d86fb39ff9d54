// Reads and writes of files that are asked with RWF_NOWAIT: to do what needs no wait, or to say so.
#pragma once

#include "backend/file_notes.hpp"
#include <penstock/operation.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace penstock::detail {

/// Buffered transfers of more bytes than this go to a thread at once: the copy would keep the loop for longer than the
/// way to the thread and back takes.
inline constexpr std::size_t most_without_waiting = std::size_t{64} << 10;

/// How many bytes one call of the transfer is for.
std::uint64_t bytes_asked(const read_at_op& op) noexcept;

/// The note of a file that has no answer to RWF_NOWAIT for such a transfer.
file_notes::flag refusal_of(op_kind kind) noexcept;

/// What the answer to RWF_NOWAIT means (preadv2(2)); notes a file system that has none.
/// \param asked bytes_asked()
/// \param result as of the call, negative -errno
/// \return the operation's result, or nothing if a thread must find it
std::optional<std::int32_t> nowait_outcome(const read_at_op& op, std::uint64_t asked, std::int32_t result,
                                           file_notes& notes);

}  // namespace penstock::detail

#include "backend/nowait_transfer.hpp"

#include "op/call.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace penstock::detail {
namespace {

// A short read may have met the end of the file, or a page that is not in the cache.
bool ends_at(std::int32_t fd, std::uint64_t offset) noexcept {
    struct ::stat status{};
    return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) <= offset;
}

}  // namespace

std::uint64_t bytes_asked(const read_at_op& op) noexcept {
    std::uint64_t bytes = 0;
    const std::uint32_t count = at_most_iov_max(op.count);
    for (std::uint32_t i = 0; i < count; ++i) bytes += op.slices[i].size;
    return bytes;
}

file_notes::flag refusal_of(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::read_at: return file_notes::refuses_reads;
        case op_kind::write_at: return file_notes::refuses_writes;
        default: return file_notes::refuses_syncs;
    }
}

std::optional<std::int32_t> nowait_outcome(const read_at_op& op, std::uint64_t asked, std::int32_t result,
                                           file_notes& notes) {
    const std::int32_t fd = op.target.id;
    if (result == -EOPNOTSUPP) notes.set(fd, refusal_of(op.kind));
    // EINVAL is also the answer for a file that only has calls of the old kind (some of /proc).
    const bool is_direct = notes.has(fd, file_notes::direct);
    if (result == -EAGAIN || result == -EOPNOTSUPP || (result == -EINVAL && !is_direct)) return std::nullopt;
    if (result <= 0 || op.kind == op_kind::write_at) return result;
    const auto bytes = static_cast<std::uint64_t>(result);
    if (bytes == asked || ends_at(fd, op.offset + bytes)) return result;
    return std::nullopt;
}

}  // namespace penstock::detail

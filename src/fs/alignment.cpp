// What the kernel does not tell of an unaligned read or write.
#include "op/alignment.hpp"

#include <penstock/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace penstock::fs {
namespace {

/// What the file says of itself (Linux 6.1), or the least that any asks for.
detail::direct_alignment alignment_of(std::int32_t fd) noexcept {
    constexpr detail::direct_alignment least{.memory = 512, .offset = 512};
    struct ::statx status{};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0) return least;
    if ((status.stx_mask & STATX_DIOALIGN) == 0 || status.stx_dio_offset_align == 0) return least;
    return {.memory = std::max(status.stx_dio_mem_align, 1U), .offset = status.stx_dio_offset_align};
}

bool is_direct(std::int32_t fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_DIRECT) != 0;
}

}  // namespace

std::error_code transfer_error(const detail::read_at_op& op, std::int32_t outcome) noexcept {
    if (outcome != -EINVAL || !is_direct(op.target.id)) return detail::decode(outcome);
    const std::int32_t named = detail::misalignment(op, alignment_of(op.target.id));
    return detail::decode(named != 0 ? named : outcome);
}

}  // namespace penstock::fs

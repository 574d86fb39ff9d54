// What the kernel does not tell of an unaligned read or write.
#include <penstock/file.hpp>
#include <penstock/result.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace penstock::fs {
namespace {

struct alignment {
    std::uint64_t memory;  ///< of addresses, bytes
    std::uint64_t offset;  ///< of offsets and lengths
};

/// What the file says of itself (Linux 6.1), or the least that any asks for.
alignment alignment_of(std::int32_t fd) noexcept {
    constexpr alignment least{.memory = 512, .offset = 512};
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
    const alignment wanted = alignment_of(op.target.id);
    const std::span slices(op.slices, op.count);
    const auto any = [&](auto misaligned) { return std::ranges::any_of(slices, misaligned); };
    if (op.offset % wanted.offset != 0) return errc::misaligned_offset;
    if (any([&](const io_slice& s) { return s.size % wanted.offset != 0; })) return errc::misaligned_length;
    if (any([&](const io_slice& s) { return reinterpret_cast<std::uintptr_t>(s.data) % wanted.memory != 0; })) {
        return errc::misaligned_address;
    }
    return detail::decode(outcome);
}

}  // namespace penstock::fs

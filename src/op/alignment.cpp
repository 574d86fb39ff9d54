#include "op/alignment.hpp"

#include <penstock/result.hpp>

#include <algorithm>
#include <span>

namespace penstock::detail {

std::int32_t misalignment(const read_at_op& op, direct_alignment wanted) noexcept {
    const std::span slices(op.slices, op.count);
    const auto any = [&](auto misaligned) { return std::ranges::any_of(slices, misaligned); };
    if (op.offset % wanted.offset != 0) return encode(errc::misaligned_offset);
    if (any([&](const io_slice& s) { return s.size % wanted.offset != 0; })) return encode(errc::misaligned_length);
    if (any([&](const io_slice& s) { return reinterpret_cast<std::uintptr_t>(s.data) % wanted.memory != 0; })) {
        return encode(errc::misaligned_address);
    }
    return 0;
}

}  // namespace penstock::detail

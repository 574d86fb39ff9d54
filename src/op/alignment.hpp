// What reads and writes of files opened with O_DIRECT have to be multiples of.
#pragma once

#include <penstock/operation.hpp>

#include <cstdint>

namespace penstock::detail {

struct direct_alignment {
    std::uint64_t memory;  ///< of addresses, bytes
    std::uint64_t offset;  ///< of offsets and lengths
};

/// \return 0, or the error that names what of the transfer is misaligned (errc::misaligned_offset, _length, _address)
std::int32_t misalignment(const read_at_op& op, direct_alignment wanted) noexcept;

}  // namespace penstock::detail

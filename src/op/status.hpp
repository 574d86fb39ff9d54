// Decoding a struct statx, so that nothing above src/op needs the kernel's headers.
#pragma once

#include <penstock/operation.hpp>

#include <chrono>
#include <cstdint>

namespace penstock::detail {

struct raw_status {
    std::uint32_t mode;  ///< type and permission bits, as in st_mode
    std::uint32_t links;
    std::uint32_t user;
    std::uint32_t group;
    std::uint64_t size;
    std::uint64_t blocks;
    std::uint64_t inode;
    std::chrono::system_clock::time_point modified;
};

/// What a status_op that succeeded has brought.
raw_status decode_status(const status_op& op) noexcept;

}  // namespace penstock::detail

#include "op/status.hpp"

#include <sys/stat.h>

#include <cstring>

namespace penstock::detail {

raw_status decode_status(const status_op& op) noexcept {
    struct ::statx raw;
    std::memcpy(&raw, op.raw.data(), sizeof raw);
    const auto since_epoch =
        std::chrono::seconds(raw.stx_mtime.tv_sec) + std::chrono::nanoseconds(raw.stx_mtime.tv_nsec);
    return {.mode = raw.stx_mode,
            .links = raw.stx_nlink,
            .user = raw.stx_uid,
            .group = raw.stx_gid,
            .size = raw.stx_size,
            .blocks = raw.stx_blocks,
            .inode = raw.stx_ino,
            .modified = std::chrono::system_clock::time_point(
                std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch))};
}

}  // namespace penstock::detail

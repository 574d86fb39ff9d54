#include "fs/file_status.hpp"

#include "op/status.hpp"

#include <sys/stat.h>

namespace penstock::fs {
namespace {

file_type type_of(std::uint32_t mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFREG: return file_type::regular;
        case S_IFDIR: return file_type::directory;
        case S_IFLNK: return file_type::symlink;
        case S_IFIFO: return file_type::fifo;
        case S_IFSOCK: return file_type::socket;
        case S_IFCHR: return file_type::character_device;
        case S_IFBLK: return file_type::block_device;
        default: return file_type::other;
    }
}

}  // namespace

file_status as_file_status(const detail::status_op& op) noexcept {
    const detail::raw_status raw = detail::decode_status(op);
    return {.type = type_of(raw.mode),
            .mode = raw.mode & 07777,
            .links = raw.links,
            .user = raw.user,
            .group = raw.group,
            .size = raw.size,
            .blocks = raw.blocks,
            .inode = raw.inode,
            .modified = raw.modified};
}

}  // namespace penstock::fs

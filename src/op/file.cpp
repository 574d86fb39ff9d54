// Files by name and by offset.
#include "op/families.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace penstock::detail {

static_assert(sizeof(status_op::raw) >= sizeof(struct ::statx), "status_op must hold a struct statx");

int open_flags(const open_request& request) noexcept {
    int flags = O_CLOEXEC | (request.write ? (request.read ? O_RDWR : O_WRONLY) : O_RDONLY);
    if (request.create) flags |= O_CREAT;
    if (request.exclusive) flags |= O_EXCL;
    if (request.truncate) flags |= O_TRUNC;
    if (request.append) flags |= O_APPEND;
    if (request.direct) flags |= O_DIRECT;
    return flags;
}

std::int32_t call_open(const open_op& op) noexcept {
    return outcome(::openat(AT_FDCWD, op.path, open_flags(op.request), op.request.mode));
}

std::int32_t call_read_at(const read_at_op& op) noexcept {
    const auto count = static_cast<int>(at_most_iov_max(op.count));
    return outcome(::preadv(op.target.id, as_iovec(op.slices), count, static_cast<::off_t>(op.offset)));
}

std::int32_t call_write_at(const write_at_op& op) noexcept {
    const auto count = static_cast<int>(at_most_iov_max(op.count));
    return outcome(::pwritev(op.target.id, as_iovec(op.slices), count, static_cast<::off_t>(op.offset)));
}

std::int32_t call_sync(const sync_op& op) noexcept {
    return outcome(op.data_only ? ::fdatasync(op.target.id) : ::fsync(op.target.id));
}

std::int32_t call_status(status_op& op) noexcept {
    auto* raw = reinterpret_cast<struct ::statx*>(op.raw.data());
    return outcome(::statx(op.target.id, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, raw));
}

}  // namespace penstock::detail

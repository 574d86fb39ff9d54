// Files by name and by offset.
#include "op/call.hpp"
#include "op/outcome.hpp"

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

std::int32_t open_op::call(call_mode) noexcept {
    return outcome(::openat(AT_FDCWD, path, open_flags(request), request.mode));
}

std::int32_t read_at_op::call(call_mode) noexcept {
    const auto most = static_cast<int>(at_most_iov_max(count));
    return outcome(::preadv(target.id, as_iovec(slices), most, static_cast<::off_t>(offset)));
}

std::int32_t write_at_op::call(call_mode) noexcept {
    const auto most = static_cast<int>(at_most_iov_max(count));
    return outcome(::pwritev(target.id, as_iovec(slices), most, static_cast<::off_t>(offset)));
}

std::int32_t sync_op::call(call_mode) noexcept {
    return outcome(data_only ? ::fdatasync(target.id) : ::fsync(target.id));
}

std::int32_t status_op::call(call_mode) noexcept {
    auto* to = reinterpret_cast<struct ::statx*>(raw.data());
    return outcome(::statx(target.id, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, to));
}

}  // namespace penstock::detail

// Files: opening them, their bytes by offset, what is known of them, and parts of them.
#include "op/call.hpp"
#include "op/outcome.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <new>

namespace penstock::detail {

static_assert(sizeof(status_op::raw) >= sizeof(struct ::statx), "status_op must hold a struct statx");

int open_flags(const open_request& request) noexcept {
    int flags = O_CLOEXEC | (request.write ? (request.read ? O_RDWR : O_WRONLY) : O_RDONLY);
    if (request.create) flags |= O_CREAT;
    if (request.exclusive) flags |= O_EXCL;
    if (request.truncate) flags |= O_TRUNC;
    if (request.append) flags |= O_APPEND;
    if (request.direct) flags |= O_DIRECT;
    if (request.directory) flags |= O_DIRECTORY;
    if (request.path_only) flags |= O_PATH;
    if (request.no_follow) flags |= O_NOFOLLOW;
    return flags;
}

::open_how& describe_open(open_op& op) noexcept {
    static_assert(sizeof op.how == sizeof(::open_how));
    auto& how = *::new (op.how.data())::open_how{};
    const path_limits& within = op.request.within;
    how.flags = static_cast<std::uint64_t>(open_flags(op.request));
    if (op.request.create) how.mode = op.request.mode;  // or it is refused
    if (within.beneath) how.resolve |= RESOLVE_BENEATH;
    if (within.in_root) how.resolve |= RESOLVE_IN_ROOT;
    if (within.no_symlinks) how.resolve |= RESOLVE_NO_SYMLINKS;
    if (within.no_magic_links) how.resolve |= RESOLVE_NO_MAGICLINKS;
    if (within.no_mounts) how.resolve |= RESOLVE_NO_XDEV;
    return how;
}

std::int32_t open_op::call(call_mode) noexcept {
    const int in = beside(directory);
    if (!request.within.any()) return outcome(::openat(in, path, open_flags(request), request.mode));
    return outcome(::syscall(SYS_openat2, in, path, &describe_open(*this), sizeof(::open_how)));  // glibc has none
}

std::int32_t read_at_op::call(call_mode mode) noexcept {
    const auto most = static_cast<int>(at_most_iov_max(count));
    if (mode == call_mode::no_wait) {
        return outcome(::preadv2(target.id, as_iovec(slices), most, static_cast<::off_t>(offset), RWF_NOWAIT));
    }
    return outcome(::preadv(target.id, as_iovec(slices), most, static_cast<::off_t>(offset)));
}

std::int32_t write_at_op::call(call_mode) noexcept {
    const auto most = static_cast<int>(at_most_iov_max(count));
    return outcome(::pwritev(target.id, as_iovec(slices), most, static_cast<::off_t>(offset)));
}

std::int32_t sync_op::call(call_mode) noexcept {
    return outcome(data_only ? ::fdatasync(target.id) : ::fsync(target.id));
}

int status_flags(const status_op& op) noexcept {
    if (*op.path == '\0') return AT_EMPTY_PATH;
    return op.follow_link ? 0 : AT_SYMLINK_NOFOLLOW;
}

std::int32_t status_op::call(call_mode) noexcept {
    auto* to = reinterpret_cast<struct ::statx*>(raw.data());
    const int in = *path == '\0' ? target.id : beside(target);
    return outcome(::statx(in, path, status_flags(*this), STATX_BASIC_STATS | STATX_BTIME, to));
}

// --- Parts of a file ------------------------------------------------------------------------------------------------

std::int32_t truncate_op::call(call_mode) noexcept {
    return outcome(::ftruncate(target.id, static_cast<::off_t>(size)));
}

int allocate_op::flags() const noexcept {
    switch (what) {
        case allocation::extend: return 0;
        case allocation::keep_size: return FALLOC_FL_KEEP_SIZE;
        case allocation::punch_hole: return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
        case allocation::zero: return FALLOC_FL_ZERO_RANGE;
    }
    return 0;
}

std::int32_t allocate_op::call(call_mode) noexcept {
    return outcome(::fallocate(target.id, flags(), static_cast<::off_t>(offset), static_cast<::off_t>(length)));
}

unsigned sync_range_op::flags() const noexcept {
    if (only_begin) return SYNC_FILE_RANGE_WRITE;
    return SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
}

std::int32_t sync_range_op::call(call_mode) noexcept {
    return outcome(
        ::sync_file_range(target.id, static_cast<::off64_t>(offset), static_cast<::off64_t>(length), flags()));
}

int advise_op::number() const noexcept {
    switch (advice) {
        case file_advice::normal: return POSIX_FADV_NORMAL;
        case file_advice::sequential: return POSIX_FADV_SEQUENTIAL;
        case file_advice::random: return POSIX_FADV_RANDOM;
        case file_advice::no_reuse: return POSIX_FADV_NOREUSE;
        case file_advice::will_need: return POSIX_FADV_WILLNEED;
        case file_advice::dont_need: return POSIX_FADV_DONTNEED;
    }
    return POSIX_FADV_NORMAL;
}

std::int32_t advise_op::call(call_mode) noexcept {
    // It returns the error.
    return -::posix_fadvise(target.id, static_cast<::off_t>(offset), static_cast<::off_t>(length), number());
}

int advise_memory_op::number() const noexcept {
    switch (advice) {
        case memory_advice::normal: return MADV_NORMAL;
        case memory_advice::sequential: return MADV_SEQUENTIAL;
        case memory_advice::random: return MADV_RANDOM;
        case memory_advice::will_need: return MADV_WILLNEED;
        case memory_advice::dont_need: return MADV_DONTNEED;
        case memory_advice::populate_read: return MADV_POPULATE_READ;
        case memory_advice::populate_write: return MADV_POPULATE_WRITE;
        case memory_advice::huge_pages: return MADV_HUGEPAGE;
        case memory_advice::no_huge_pages: return MADV_NOHUGEPAGE;
    }
    return MADV_NORMAL;
}

std::int32_t advise_memory_op::call(call_mode) noexcept { return outcome(::madvise(memory, size, number())); }

}  // namespace penstock::detail

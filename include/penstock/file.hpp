// fs::file: a file read and written by offset.
#pragma once

#include <penstock/detail/await.hpp>
#include <penstock/loop.hpp>
#include <penstock/operation.hpp>
#include <penstock/place.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace penstock::fs {

/// What to open a file for: `{.read = false, .write = true, .create = true, .truncate = true}`, and what the way to it
/// may not lead over: `{.within = {.beneath = true}}`.
using open_options = detail::open_request;
using allocation = detail::allocation;
using file_advice = detail::file_advice;
using memory_advice = detail::memory_advice;

enum class file_type : std::uint8_t {
    regular,
    directory,
    symlink,
    fifo,
    socket,
    character_device,
    block_device,
    other
};

/// What statx(2) says, without a kernel header.
struct file_status {
    file_type type = file_type::other;
    std::uint32_t mode = 0;  ///< permission bits
    std::uint32_t links = 0;
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    std::uint64_t size = 0;    ///< bytes
    std::uint64_t blocks = 0;  ///< of 512 bytes
    std::uint64_t inode = 0;
    std::chrono::system_clock::time_point modified;
};

/// The error of a by-offset call that failed: for EINVAL of a direct file which part of it is misaligned, if any is.
std::error_code transfer_error(const detail::read_at_op& op, std::int32_t outcome) noexcept;

/// The awaiter of the by-offset calls; yields the number of bytes, which may be less than asked for.
template <class Op>
class [[nodiscard]] at_awaiter : detail::awaited<Op> {
  public:
    at_awaiter(handle h, std::span<const io_slice> what, std::uint64_t where) noexcept
        : detail::awaited<Op>(h, what.data(), static_cast<std::uint32_t>(what.size()), where) {}
    at_awaiter(handle h, io_slice one, std::uint64_t where) noexcept
        : detail::awaited<Op>(h, nullptr, 1, where), one_(one) {}

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        if (!this->target.valid()) {
            this->result = -EBADF;
            return false;
        }
        if (this->slices == nullptr) this->slices = &one_;
        return detail::awaited<Op>::await_suspend(h);
    }
    penstock::result<std::size_t> await_resume() const noexcept {
        const std::int32_t outcome = detail::awaited<Op>::await_resume();
        if (outcome < 0) return std::unexpected(transfer_error(*this, outcome));
        return static_cast<std::size_t>(outcome);
    }

  private:
    io_slice one_;
};

/// An open file. Move-only; used on its loop's thread; must end before the loop. Any number of operations may be under
/// way on it. Where the backend can't do files, a thread of the worker pool does: cancelling then takes effect at
/// completion (see capabilities).
class file {
  public:
    file() noexcept = default;
    file(file&& other) noexcept : home_(other.home_), handle_(std::exchange(other.handle_, {})) {}
    file& operator=(file&& other) noexcept {
        std::swap(home_, other.home_);
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~file();

    bool open() const noexcept { return handle_.valid(); }

    /// Reads at most `into.size()` bytes at `offset`; 0 at the end of the file. Errors: pread(2); with
    /// open_options::direct, misaligned_address, _length or _offset (all are invalid_argument) if that is no multiple
    /// of the file's alignment.
    at_awaiter<detail::read_at_op> read_at(std::span<std::byte> into, std::uint64_t offset) noexcept {
        return {handle_, io_slice(into.data(), into.size()), offset};
    }
    at_awaiter<detail::read_at_op> read_at(std::span<const io_slice> into, std::uint64_t offset) noexcept {
        return {handle_, into, offset};
    }
    /// Writes at `offset`; may write less. Errors: pwrite(2).
    at_awaiter<detail::write_at_op> write_at(std::span<const std::byte> from, std::uint64_t offset) noexcept {
        return {handle_, io_slice(from), offset};
    }
    at_awaiter<detail::write_at_op> write_at(std::span<const io_slice> from, std::uint64_t offset) noexcept {
        return {handle_, from, offset};
    }
    /// Writes all of `from` or fails.
    task<result<void>> write_all_at(std::span<const std::byte> from, std::uint64_t offset);

    /// Makes the data, and unless `data_only` the metadata, durable. fsync(2), fdatasync(2).
    task<result<void>> sync(bool data_only = false);
    /// Starts writing to the disk what of `length` bytes at `offset` (0: all that follow) is only in memory, and unless
    /// `begin_only` waits for it. It makes nothing durable: not where the bytes are, nor what the drive itself caches.
    /// sync_file_range(2).
    task<result<void>> sync_range(std::uint64_t offset, std::uint64_t length, bool begin_only = false);

    /// Makes the file that many bytes long; what is added reads as zeros. Errors: ftruncate(2), invalid_argument if it
    /// is not open for writing.
    task<result<void>> truncate(std::uint64_t size);
    /// Has space ready for a part of the file, or gives it back. Errors: fallocate(2), no_space_on_device and
    /// operation_not_supported (by the file system) among them.
    task<result<void>> allocate(std::uint64_t offset, std::uint64_t length, allocation what = allocation::extend);
    /// Says how `length` bytes at `offset` (0: all that follow) will be read. posix_fadvise(2).
    task<result<void>> advise(std::uint64_t offset, std::uint64_t length, file_advice advice);

    /// statx(2).
    task<result<file_status>> status();
    /// Closes; ends when that is done. The error of close(2) may be that of an earlier write (quota, network disk).
    task<result<void>> close();

    file(loop& home, handle h) noexcept : home_(&home), handle_(h) {}
    handle name() const noexcept { return handle_; }

  private:
    loop* home_ = nullptr;
    handle handle_;
};

/// Opens what is there. Errors: open(2), openat2(2); with open_options::within, cross_device_link and
/// too_many_symbolic_link_levels for a way that leads over what it may not.
task<result<file>> open(place where, open_options options = {});

/// Says how memory will be used, which must begin at a page and stay until the await ends. madvise(2).
task<result<void>> advise_memory(std::span<std::byte> memory, memory_advice advice);

}  // namespace penstock::fs

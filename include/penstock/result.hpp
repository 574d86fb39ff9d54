// result<T>: how every fallible call of penstock answers. No exception crosses the data path.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <system_error>

namespace penstock {

/// A value, or the error that took its place. Errors of the kernel carry `std::system_category()` (compare them
/// with `std::errc`), penstock's own carry `penstock_category()`.
template <class T>
using result = std::expected<T, std::error_code>;

/// Failures that have no errno of their own.
enum class errc : int {
    /// The `threads` backend blocks one thread per waiting operation and all of them are taken
    /// (`backend_options::max_threads`).
    too_many_blocked_operations = 1,
    /// The queue between loops, or of run_blocking, is full; try again later.
    queue_full = 2,
    /// The loop is shutting down and takes no new work.
    loop_stopped = 3,
    /// A message that must arrive whole ended early (the peer closed in the middle).
    unexpected_end = 4,
    /// A signal that is to be awaited is not blocked in this thread, so it would take its default action.
    signals_not_blocked = 5,
    /// A descriptor was opened whose number is beyond what the backend can watch (FD_SETSIZE), and closed again.
    /// Equals std::errc::too_many_files_open.
    too_many_open_files = 6,
    /// A read or write of a file opened with open_options::direct, which the kernel only calls an invalid argument:
    /// what
    /// of it is no multiple of the file's direct I/O alignment (statx(2), STATX_DIOALIGN). Equal
    /// std::errc::invalid_argument.
    misaligned_address = 7,
    misaligned_length = 8,
    misaligned_offset = 9,
};

/// The category of `errc`; its messages say what to do. Static lifetime, any thread.
const std::error_category& penstock_category() noexcept;

inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), penstock_category()}; }

/// Shorthand for returning an error: `return fail(std::errc::timed_out);`
inline std::unexpected<std::error_code> fail(std::error_code code) noexcept { return std::unexpected(code); }
inline std::unexpected<std::error_code> fail(std::errc e) noexcept { return std::unexpected(std::make_error_code(e)); }
inline std::unexpected<std::error_code> fail(errc e) noexcept { return std::unexpected(make_error_code(e)); }

/// Why something could not be set up: the code for programs, one line for people (what was wrong, what to do).
struct setup_error {
    std::error_code code;
    std::string message;
};

namespace detail {

/// Operations carry their outcome as the kernel does: negative is `-errno`. Penstock's own errors lie below any errno.
inline constexpr std::int32_t own_error_base = 4096;

constexpr std::int32_t encode(errc e) noexcept { return -(own_error_base + static_cast<std::int32_t>(e)); }

/// Whether an operation was turned away by a bound of penstock's own, before it had begun.
constexpr bool is_refusal(std::int32_t result) noexcept {
    return result == encode(errc::too_many_blocked_operations) || result == encode(errc::queue_full);
}

/// The error behind a negative operation result.
std::error_code decode(std::int32_t negative) noexcept;

/// The number that `too_many_blocked_operations` names in its message; set by the backend that imposes it.
void note_blocked_operations_limit(unsigned limit) noexcept;

}  // namespace detail
}  // namespace penstock

template <>
struct std::is_error_code_enum<penstock::errc> : std::true_type {};

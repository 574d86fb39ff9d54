// The plain system call of every kind of operation, written once, in the file of its family. Backends decide when and
// on which thread to make it.
#pragma once

#include <penstock/operation.hpp>

#include <sys/uio.h>

#include <cstdint>

struct msghdr;    // <sys/socket.h>
struct open_how;  // <linux/openat2.h>

namespace penstock::detail {

/// Where it waits: until wait_handle(op) is readable or writable, on a disk, or nowhere.
wait_side waits_on(const operation& op) noexcept;

/// The same of a kind, whatever an operation of it has in particular.
inline wait_side usually_waits_on(op_kind kind) noexcept {
    return with_type_of(kind, []<class Op>() { return Op::about.waits; });
}

/// The handle whose readiness the operation waits for; invalid for kinds that wait for none.
handle wait_handle(const operation& op) noexcept;

/// Makes the operation's call once, for every kind but receive and read, whose buffers are the backend's business.
/// Sends and writes go on until all is taken or nothing more fits and keep their progress in the operation.
/// \return the operation's result, or -EAGAIN (no_wait) if it must wait for its side.
std::int32_t call(operation& op, call_mode mode) noexcept;

/// The call of receive_op and read_op into memory of the caller's choice; result as recv(2), negative -errno.
std::int32_t call_receive(const receive_op& op, void* memory, std::size_t size, call_mode mode) noexcept;

/// The whole of a receive on the loop's thread: takes a buffer, makes the call, queues what came. -ENOBUFS when the
/// class it takes from is empty (not an error: park the operation), else as call_receive.
std::int32_t receive_into_pool(receive_op& op, buffer_pool& pool, call_mode mode) noexcept;

/// Hands a filled buffer to the operation, or gives it back if nothing came. `result` as of call_receive.
void deliver(receive_op& op, buffer_pool& pool, std::uint16_t buffer, std::int32_t result) noexcept;

/// Notes that `n` more bytes of a send or write were taken. \return whether that was all.
bool advance(send_op& op, std::size_t n) noexcept;

/// One send(2) or sendmsg(2) of what is left, with these flags besides those of the operation; answers as they do,
/// negative -errno.
std::int32_t send_once(const send_op& op, int flags) noexcept;

/// How many bytes are left of a send; no more is counted than is asked about.
std::size_t bytes_left(const send_op& op, std::size_t enough) noexcept;

/// What is left of a send, as at most `most` kernel slices written to `slices`; returns their number. When nothing of
/// the current slice is done, `*direct` is set to the caller's own array instead and nothing is copied.
struct slice_view {
    const ::iovec* data;
    std::uint32_t count;
};
inline constexpr std::uint32_t most_copied_slices = 16;
slice_view remaining(const send_op& op, ::iovec (&copies)[most_copied_slices]) noexcept;

/// How many slices one call can take; the rest is a short transfer.
std::uint32_t at_most_iov_max(std::uint32_t count) noexcept;

/// The kernel's view of the caller's slices.
inline const ::iovec* as_iovec(const io_slice* slices) noexcept { return reinterpret_cast<const ::iovec*>(slices); }

/// Flags of open(2) for a request; O_CLOEXEC is always among them.
int open_flags(const open_request& request) noexcept;

/// Fills in the operation's own `struct msghdr`, for the part of it that is to be sent or received next.
::msghdr& describe_message(send_message_op& op) noexcept;
::msghdr& describe_message(receive_message_op& op) noexcept;
/// What sending such a part has come to. \return whether another one follows; if not, `outcome` is the operation's.
bool message_goes_on(send_message_op& op, std::int32_t& outcome) noexcept;
/// What the kernel has written beside the bytes of a message that came, so that it is known who owns it.
void note_message(receive_message_op& op) noexcept;
/// Whether there is ancillary data, which some kernels do not take from rings.
bool has_ancillary_data(const operation& op) noexcept;
/// MSG_* of sendmsg(2) and recvmsg(2), but for whether to wait.
int message_flags(const operation& op) noexcept;

/// AF_* of a family, SHUT_* of a side.
int kernel_domain(address_family family) noexcept;
int kernel_side(shutdown_side side) noexcept;

/// Fills in the operation's `struct open_how` of openat2(2), and returns it.
::open_how& describe_open(open_op& op) noexcept;

/// What a poll_op that succeeded has found.
ready_sides ready_sides_of(std::int32_t polled) noexcept;

/// The descriptor that a path beside `directory` is relative to.
std::int32_t beside(handle directory) noexcept;

/// Flags of statx(2).
int status_flags(const status_op& op) noexcept;

/// The next step of a connect whose socket became writable: 0, or the error it ended with.
std::int32_t connect_outcome(handle target) noexcept;

/// Resets a connection, so that the kernel lets go of what was sent and nobody has acknowledged; connect(2), AF_UNSPEC.
void disconnect(handle target) noexcept;

}  // namespace penstock::detail

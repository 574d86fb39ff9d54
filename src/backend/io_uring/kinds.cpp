// What the ring does with each kind of operation: by which way, by which opcode, the entry, and how it is found out
// whether the kernel has it.
#include "backend/io_uring/kinds.hpp"

#include "backend/io_uring/probe.hpp"
#include "base/unique_fd.hpp"
#include "op/call.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>

namespace penstock::detail {
namespace {

// An entry's length has 32 bits, and a call transfers no more than this anyway; the rest is asked for again.
constexpr std::size_t most_at_once = 0x7fff'f000;

unsigned length_of(std::size_t size) noexcept { return static_cast<unsigned>(std::min(size, most_at_once)); }

void fill(::io_uring_sqe& sqe, const accept_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_accept(&sqe, op.listener.id, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    sqe.ioprio |= IORING_ACCEPT_MULTISHOT;
}

void fill(::io_uring_sqe& sqe, const receive_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_recv(&sqe, op.source.id, nullptr, 0, 0);
    sqe.ioprio |= IORING_RECV_MULTISHOT;
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = op.credit.buffer_class;  // the ring of the class has its number
}

void fill(::io_uring_sqe& sqe, const read_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_read(&sqe, op.source.id, nullptr, 0, static_cast<__u64>(-1));
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = op.credit.buffer_class;  // the ring of the class has its number
}

// MSG_WAITALL makes the kernel go on after a short send by itself. Where it does not, the rest is submitted again,
// one slice at a time since the copied slices of remaining() would not live long enough.
void fill(::io_uring_sqe& sqe, const send_op& op, ::msghdr& header) noexcept {
    const io_slice& first = op.slices[op.first];
    if (op.skip != 0 || op.first + 1 == op.count) {
        ::io_uring_prep_send(&sqe, op.target.id, static_cast<const std::byte*>(first.data) + op.skip,
                             length_of(first.size - op.skip), MSG_NOSIGNAL | MSG_WAITALL);
        return;
    }
    ::iovec unused[most_copied_slices];
    const slice_view left = remaining(op, unused);  // nothing of the first slice is done, so these are the caller's
    header = {};
    header.msg_iov = const_cast<::iovec*>(left.data);
    header.msg_iovlen = left.count;
    ::io_uring_prep_sendmsg(&sqe, op.target.id, &header, MSG_NOSIGNAL | MSG_WAITALL);
}

void fill(::io_uring_sqe& sqe, const write_op& op, ::msghdr&) noexcept {
    constexpr auto own_position = static_cast<__u64>(-1);
    const io_slice& first = op.slices[op.first];
    if (op.skip != 0 || op.first + 1 == op.count) {
        ::io_uring_prep_write(&sqe, op.target.id, static_cast<const std::byte*>(first.data) + op.skip,
                              length_of(first.size - op.skip), own_position);
        return;
    }
    ::iovec unused[most_copied_slices];
    const slice_view left = remaining(op, unused);
    ::io_uring_prep_writev(&sqe, op.target.id, left.data, left.count, own_position);
}

void fill(::io_uring_sqe& sqe, const read_at_op& op, ::msghdr&) noexcept {
    if (op.count == 1) {
        ::io_uring_prep_read(&sqe, op.target.id, op.slices->data, length_of(op.slices->size), op.offset);
    } else {
        ::io_uring_prep_readv(&sqe, op.target.id, as_iovec(op.slices), at_most_iov_max(op.count), op.offset);
    }
}

void fill(::io_uring_sqe& sqe, const write_at_op& op, ::msghdr&) noexcept {
    if (op.count == 1) {
        ::io_uring_prep_write(&sqe, op.target.id, op.slices->data, length_of(op.slices->size), op.offset);
    } else {
        ::io_uring_prep_writev(&sqe, op.target.id, as_iovec(op.slices), at_most_iov_max(op.count), op.offset);
    }
}

void fill(::io_uring_sqe& sqe, const connect_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_connect(&sqe, op.target.id, reinterpret_cast<const ::sockaddr*>(op.address.raw()),
                            op.address.raw_size());
}

void fill(::io_uring_sqe& sqe, status_op& op, ::msghdr&) noexcept {
    const int in = *op.path == '\0' ? op.target.id : beside(op.target);
    ::io_uring_prep_statx(&sqe, in, op.path, status_flags(op), STATX_BASIC_STATS | STATX_BTIME,
                          reinterpret_cast<struct ::statx*>(op.raw.data()));
}

// The kernel copies the description when it takes the entry.
void fill(::io_uring_sqe& sqe, open_op& op, ::msghdr&) noexcept {
    if (op.request.within.any()) {
        ::io_uring_prep_openat2(&sqe, beside(op.directory), op.path, &describe_open(op));
    } else {
        ::io_uring_prep_openat(&sqe, beside(op.directory), op.path, open_flags(op.request), op.request.mode);
    }
}

// Of the ring's own table only: with another the kernel says EBADF.
void fill(::io_uring_sqe& sqe, const install_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_rw(opcode_fixed_fd_install, &sqe, op.target.id, nullptr, 0, 0);
}

void fill(::io_uring_sqe& sqe, const sync_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_fsync(&sqe, op.target.id, op.data_only ? IORING_FSYNC_DATASYNC : 0U);
}

void fill(::io_uring_sqe& sqe, const truncate_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_rw(opcode_ftruncate, &sqe, op.target.id, nullptr, 0, op.size);
}

void fill(::io_uring_sqe& sqe, const allocate_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_rw(IORING_OP_FALLOCATE, &sqe, op.target.id, nullptr, static_cast<unsigned>(op.flags()), op.offset);
    sqe.addr = op.length;
}

// An entry has 32 bits for the length; 0 is all that follows, which is more than was asked for but no less.
unsigned range_length(std::uint64_t length) noexcept {
    return length > most_at_once ? 0 : static_cast<unsigned>(length);
}

void fill(::io_uring_sqe& sqe, const sync_range_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_sync_file_range(&sqe, op.target.id, range_length(op.length), op.offset,
                                    static_cast<int>(op.flags()));
}

void fill(::io_uring_sqe& sqe, const advise_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_fadvise(&sqe, op.target.id, op.offset, static_cast<::off_t>(range_length(op.length)), op.number());
}

void fill(::io_uring_sqe& sqe, const advise_memory_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_madvise(&sqe, op.memory, static_cast<::off_t>(op.size), op.number());
}

void fill(::io_uring_sqe& sqe, const rename_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_renameat(&sqe, beside(op.directory), op.path, beside(op.new_directory), op.new_path, op.flags());
}

void fill(::io_uring_sqe& sqe, const unlink_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_unlinkat(&sqe, beside(op.directory), op.path, op.flags());
}

void fill(::io_uring_sqe& sqe, const make_directory_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_mkdirat(&sqe, beside(op.directory), op.path, op.mode);
}

void fill(::io_uring_sqe& sqe, const symlink_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_symlinkat(&sqe, op.text, beside(op.directory), op.path);
}

void fill(::io_uring_sqe& sqe, const link_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_linkat(&sqe, beside(op.directory), op.path, beside(op.new_directory), op.new_path, 0);
}

void fill(::io_uring_sqe& sqe, const poll_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_poll_add(&sqe, op.target.id, static_cast<unsigned>(op.for_writing ? POLLOUT : POLLIN));
    if (op.many) sqe.len |= IORING_POLL_ADD_MULTI;
}

// An entry has the flags in place of a descriptor.
int futex_flags(futex_reach reach) noexcept {
    return futex_is_32_bits | (reach == futex_reach::process ? futex_is_private : 0);
}

void fill(::io_uring_sqe& sqe, const futex_wait_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_rw(opcode_futex_wait, &sqe, futex_flags(op.reach), op.word, 0, op.expected);
    sqe.addr3 = futex_any_bit;
}

void fill(::io_uring_sqe& sqe, const futex_wake_op& op, ::msghdr&) noexcept {
    const std::uint32_t count = std::min(op.most, static_cast<std::uint32_t>(INT32_MAX));
    ::io_uring_prep_rw(opcode_futex_wake, &sqe, futex_flags(op.reach), op.word, 0, count);
    sqe.addr3 = futex_any_bit;
}

void fill(::io_uring_sqe& sqe, tick_op& op, ::msghdr&) noexcept {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(op.period);
    op.length = {seconds.count(), (op.period - seconds).count()};
    static_assert(sizeof op.length == sizeof(::__kernel_timespec));
    constexpr unsigned without_end = 0;
    const unsigned most = op.period < slower_than_any_turn ? most_ticks_per_entry : without_end;
    ::io_uring_prep_timeout(&sqe, reinterpret_cast<::__kernel_timespec*>(op.length.data()), most, timeout_multishot);
}

void fill(::io_uring_sqe& sqe, const loop_message_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_msg_ring(&sqe, op.door == nullptr ? -1 : op.door->get(), 0, rung_by_another, 0);
}

// What the kernel writes of a message it writes there when it came, so its memory is the operation's.
void fill(::io_uring_sqe& sqe, send_message_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_sendmsg(&sqe, op.target.id, &describe_message(op), static_cast<unsigned>(message_flags(op)));
}

void fill(::io_uring_sqe& sqe, receive_message_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_recvmsg(&sqe, op.source.id, &describe_message(op), static_cast<unsigned>(message_flags(op)));
}

void fill(::io_uring_sqe& sqe, const close_op& op, ::msghdr&) noexcept { ::io_uring_prep_close(&sqe, op.target.id); }

// In chains only, as a plain call cannot block.
void fill(::io_uring_sqe& sqe, const socket_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_socket(&sqe, kernel_domain(op.family), op.type == socket_type::stream ? SOCK_STREAM : SOCK_DGRAM, 0,
                           0);
}

void fill(::io_uring_sqe& sqe, const shutdown_op& op, ::msghdr&) noexcept {
    ::io_uring_prep_shutdown(&sqe, op.target.id, kernel_side(op.side));
}

void fill(::io_uring_sqe& sqe, const nop_op&, ::msghdr&) noexcept { ::io_uring_prep_nop(&sqe); }

// --- The kinds --------------------------------------------------------------------------------------------------

constexpr handle nothing{};  // the kernel has an opcode if this is what it complains of

const std::atomic<std::uint32_t> unused_word{0};  // which nobody waits for

template <class Op>
void fill_as(::io_uring_sqe& sqe, operation& op, ::msghdr& header) noexcept {
    fill(sqe, as<Op>(op), header);
}

/// A kind with an opcode. `example` makes an operation that cannot succeed, to be tried by the probe.
template <class Op, class Example>
constexpr kind_plan by_ring(std::uint8_t opcode, Example) noexcept {
    return {route::ring, opcode, fill_as<Op>, [](ring& r) noexcept {
                Op op = Example{}();
                return attempt(r, op);
            }};
}

/// A kind that is called at once, but has an opcode for chains.
template <class Op, class Example>
constexpr kind_plan by_call(std::uint8_t opcode, Example example) noexcept {
    kind_plan p = by_ring<Op>(opcode, example);
    p.best = route::call;
    return p;
}

/// The same where there are two opcodes; the kind needs both.
template <class Op, class First, class Second>
constexpr kind_plan by_ring_in_two_forms(std::uint8_t opcode, First, Second) noexcept {
    return {route::ring, opcode, fill_as<Op>, [](ring& r) noexcept {
                Op one = First{}();
                const int outcome = attempt(r, one);
                if (lacks_opcode(outcome)) return outcome;
                Op other = Second{}();
                return attempt(r, other);
            }};
}

/// The same where the entry for a single slice is another than that for many.
template <class Op, class... Rest>
constexpr kind_plan by_ring_in_slices(std::uint8_t opcode) noexcept {
    return {route::ring, opcode, fill_as<Op>, [](ring& r) noexcept {
                char byte = 0;
                const io_slice slices[2] = {{&byte, 1}, {&byte, 1}};
                Op one(nothing, slices, 1, Rest{}...);
                const int outcome = attempt(r, one);
                if (lacks_opcode(outcome)) return outcome;
                Op two(nothing, slices, 2, Rest{}...);
                return attempt(r, two);
            }};
}

constexpr kind_plan checking_credentials(kind_plan p) noexcept {
    p.checks_credentials = true;
    return p;
}

constexpr kind_plan plan_of(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::nop: return by_ring<nop_op>(IORING_OP_NOP, [] { return nop_op(); });
        case op_kind::accept: return by_ring<accept_op>(IORING_OP_ACCEPT, [] { return accept_op(nothing, 1); });
        case op_kind::connect:
            return by_ring<connect_op>(IORING_OP_CONNECT, [] { return connect_op(nothing, endpoint::loopback(1)); });
        case op_kind::receive: return by_ring<receive_op>(IORING_OP_RECV, [] { return receive_op(nothing); });
        case op_kind::send: return by_ring_in_slices<send_op>(IORING_OP_SEND);
        case op_kind::read: return by_ring<read_op>(IORING_OP_READ, [] { return read_op(nothing); });
        case op_kind::write: return by_ring_in_slices<write_op>(IORING_OP_WRITE);
        case op_kind::open:
            return checking_credentials(by_ring_in_two_forms<open_op>(
                IORING_OP_OPENAT, [] { return open_op("", open_request{}); },
                [] { return open_op("", open_request{.within = {.beneath = true}}); }));
        case op_kind::read_at: return by_ring_in_slices<read_at_op, std::uint64_t>(IORING_OP_READV);
        case op_kind::write_at: return by_ring_in_slices<write_at_op, std::uint64_t>(IORING_OP_WRITEV);
        case op_kind::sync: return by_ring<sync_op>(IORING_OP_FSYNC, [] { return sync_op(nothing, true); });
        case op_kind::status:
            return checking_credentials(by_ring<status_op>(IORING_OP_STATX, [] { return status_op(nothing); }));
        case op_kind::truncate: return by_ring<truncate_op>(opcode_ftruncate, [] { return truncate_op(nothing, 0); });
        case op_kind::allocate:
            return by_ring<allocate_op>(IORING_OP_FALLOCATE,
                                        [] { return allocate_op(nothing, 0, 1, allocation::extend); });
        case op_kind::sync_range:
            return by_ring<sync_range_op>(IORING_OP_SYNC_FILE_RANGE, [] { return sync_range_op(nothing, 0, 0, true); });
        case op_kind::advise:
            return by_ring<advise_op>(IORING_OP_FADVISE, [] { return advise_op(nothing, 0, 0, file_advice::normal); });
        case op_kind::advise_memory:
            return by_ring<advise_memory_op>(IORING_OP_MADVISE,
                                             [] { return advise_memory_op(nullptr, 0, memory_advice::normal); });
        case op_kind::rename:
            return checking_credentials(
                by_ring<rename_op>(IORING_OP_RENAMEAT, [] { return rename_op({}, "", {}, "", rename_rule::replace); }));
        case op_kind::unlink:
            return checking_credentials(
                by_ring<unlink_op>(IORING_OP_UNLINKAT, [] { return unlink_op({}, "", false); }));
        case op_kind::make_directory:
            return checking_credentials(
                by_ring<make_directory_op>(IORING_OP_MKDIRAT, [] { return make_directory_op({}, "", 0); }));
        case op_kind::symlink:
            return checking_credentials(
                by_ring<symlink_op>(IORING_OP_SYMLINKAT, [] { return symlink_op("", {}, ""); }));
        case op_kind::link:
            return checking_credentials(by_ring<link_op>(IORING_OP_LINKAT, [] { return link_op({}, "", {}, ""); }));
        case op_kind::close: return by_ring<close_op>(IORING_OP_CLOSE, [] { return close_op(nothing); });
        case op_kind::poll: return by_ring<poll_op>(IORING_OP_POLL_ADD, [] { return poll_op(nothing, false); });
        case op_kind::futex_wait:
            return by_ring<futex_wait_op>(opcode_futex_wait,
                                          [] { return futex_wait_op(unused_word, 1, futex_reach::process); });
        case op_kind::futex_wake:
            return by_ring<futex_wake_op>(opcode_futex_wake,
                                          [] { return futex_wake_op(unused_word, 1, futex_reach::process); });
        case op_kind::tick: return {route::ring, IORING_OP_TIMEOUT, fill_as<tick_op>, attempt_tick};
        case op_kind::loop_message:
            return by_ring<loop_message_op>(IORING_OP_MSG_RING, [] { return loop_message_op(nullptr, {}); });
        case op_kind::send_message:
            return by_ring<send_message_op>(IORING_OP_SENDMSG, [] { return send_message_op(nothing, nullptr, 0); });
        case op_kind::receive_message:
            return by_ring<receive_message_op>(IORING_OP_RECVMSG,
                                               [] { return receive_message_op(nothing, nullptr, 0); });
        case op_kind::splice:
            return {.best = route::poll, .why = "splice(2) when polled ready; the opcode would use a kernel thread"};
        case op_kind::socket:
            return by_call<socket_op>(IORING_OP_SOCKET,
                                      [] { return socket_op(address_family::none, socket_type::stream); });
        case op_kind::shutdown:
            return by_call<shutdown_op>(IORING_OP_SHUTDOWN, [] { return shutdown_op(nothing, shutdown_side::both); });
        case op_kind::install: return by_call<install_op>(opcode_fixed_fd_install, [] { return install_op(nothing); });
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::name:
        case op_kind::option:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals:
        case op_kind::tee: return {.best = route::call};  // cannot block, so a plain call is the fastest
    }
    return {};
}

constexpr std::array<kind_plan, op_kind_count> plans = [] {
    std::array<kind_plan, op_kind_count> all;
    for (std::size_t i = 0; i < op_kind_count; ++i) all[i] = plan_of(static_cast<op_kind>(i));
    return all;
}();

}  // namespace

const kind_plan& plan(op_kind kind) noexcept { return plans[static_cast<std::size_t>(kind)]; }

route fallback_route(op_kind kind) noexcept {
    switch (usually_waits_on(kind)) {
        case wait_side::read:
        case wait_side::write: return route::poll;
        case wait_side::file: return route::pool;
        case wait_side::wake_up: return route::sleep;
        case wait_side::time:
        case wait_side::none: return route::call;
    }
    return route::call;
}

void prepare_poll(::io_uring_sqe& sqe, const operation& op, bool edges) noexcept {
    const bool reads = waits_on(op) == wait_side::read;
    ::io_uring_prep_poll_add(&sqe, wait_handle(op).id, static_cast<unsigned>(reads ? POLLIN | POLLRDHUP : POLLOUT));
    if (edges) sqe.len |= IORING_POLL_ADD_MULTI;
}

}  // namespace penstock::detail

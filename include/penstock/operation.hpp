// Operations: everything that touches a descriptor, as data. An operation lives where it was started (in its awaiter,
// or in a record of the loop), is submitted to a backend, and gets exactly one final completion.
//
// Programs meet operations through net, fs and adopt; this header is for those layers and for new ones.
#pragma once

#include <penstock/buffer_pool.hpp>
#include <penstock/detail/accepted_queue.hpp>
#include <penstock/detail/intrusive_list.hpp>
#include <penstock/endpoint.hpp>
#include <penstock/handle.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace penstock {

/// Every kind of operation. Each backend answers each kind in a `switch` without `default`, so that a new kind does
/// not compile until every backend has one. That `op_kind_count` counts them all, src/op/kinds.cpp has checked.
enum class op_kind : std::uint8_t {
    nop,       ///< nothing; measures the path
    socket,    ///< socket(2)
    bind,      ///< bind(2)
    listen,    ///< listen(2)
    accept,    ///< accept4(2); may deliver many
    connect,   ///< connect(2)
    receive,   ///< recv(2) into leased buffers; may deliver many
    send,      ///< sendmsg(2), until everything is sent
    shutdown,  ///< shutdown(2)
    name,      ///< getsockname(2), getpeername(2)
    option,    ///< getsockopt(2), setsockopt(2)
    open,      ///< openat(2)
    read_at,   ///< preadv(2)
    write_at,  ///< pwritev(2)
    sync,      ///< fsync(2), fdatasync(2)
    status,    ///< statx(2)
    read,      ///< read(2) at the descriptor's own position, into a leased buffer
    write,     ///< writev(2) at the descriptor's own position, until everything is written
    splice,    ///< splice(2), one step
    close,     ///< close(2)
    adopt,     ///< takes in a descriptor of the program
    pipe,      ///< pipe2(2)
    signals,   ///< signalfd(2)
};
inline constexpr std::size_t op_kind_count = static_cast<std::size_t>(op_kind::signals) + 1;  ///< signals: the last

/// The kind's name, as in the enumeration.
std::string_view to_string(op_kind kind) noexcept;

namespace detail {

/// Something the loop will run: a completed operation, a finished task, an expired timer. `run` must not throw.
struct ready_item {
    ready_item* next = nullptr;
    void (*run)(ready_item&) noexcept = nullptr;
};

enum class op_state : std::uint8_t {
    idle,       ///< not submitted, or its final completion was delivered
    no_space,   ///< the backend was busy: waits in the loop for queue space
    submitted,  ///< with the backend
};

/// Whether the caller can afford to sleep in the kernel.
enum class call_mode : std::uint8_t {
    no_wait,   ///< the loop's thread: what would block answers -EAGAIN; no signal ends the call
    blocking,  ///< a thread of a pool: sleeps; answers -EINTR when a signal ends the call
};

/// Where an operation can wait, which is all that a readiness backend needs to know of it.
enum class wait_side : std::uint8_t {
    none,   ///< never blocks
    read,   ///< until what it waits for is readable
    write,  ///< until it is writable
    file,   ///< sleeps on a disk
};

/// What holds for every operation of a kind: the `about` of its struct.
struct kind_facts {
    op_kind kind;
    std::string_view name;  ///< as in the enumeration
    wait_side waits = wait_side::none;
};

/// The header of every operation. While it is submitted, `hook` and `scratch` belong to the backend and the address
/// must not change. Only the loop's thread touches it, except that an offloaded operation's payload and result belong
/// to the worker until it hands it back.
///
/// Each kind's struct has `about`; `call()`, its plain system call made once (src/op; see call() in src/op/call.hpp for
/// what it answers), but for those of receive and read; and if it waits for readiness, `waits_for()`, the handle. Where
/// the side depends on more than the kind, `waits_now()` says which.
struct operation : ready_item, list_hook {
    explicit operation(op_kind k) noexcept : kind(k) {}

    std::int32_t result = 0;  ///< after the final completion: >= 0, or a negative error (detail::decode)
    op_kind kind;
    op_state state = op_state::idle;
    bool ready = false;             ///< is in the loop's ready queue
    bool final = false;             ///< its final completion is in
    bool cancel_requested = false;  ///< cancel() was called since it was submitted
    std::uint8_t backend_flags = 0;
    std::array<std::uint64_t, 2> scratch{};  ///< the backend's
};

struct nop_op : operation {
    static constexpr kind_facts about{op_kind::nop, "nop"};
    nop_op() noexcept : operation(about.kind) {}
    std::int32_t call(call_mode) noexcept { return 0; }
};

enum class socket_type : std::uint8_t { stream, datagram };

/// Result: the new handle's id.
struct socket_op : operation {
    static constexpr kind_facts about{op_kind::socket, "socket"};
    socket_op(address_family f, socket_type t) noexcept : operation(about.kind), family(f), type(t) {}
    address_family family;
    socket_type type;
    std::int32_t call(call_mode mode) noexcept;
};

struct bind_op : operation {
    static constexpr kind_facts about{op_kind::bind, "bind"};
    bind_op(handle h, const endpoint& e) noexcept : operation(about.kind), target(h), address(e) {}
    handle target;
    endpoint address;
    std::int32_t call(call_mode mode) noexcept;
};

struct listen_op : operation {
    static constexpr kind_facts about{op_kind::listen, "listen"};
    listen_op(handle h, int n) noexcept : operation(about.kind), target(h), backlog(n) {}
    handle target;
    int backlog;
    std::int32_t call(call_mode mode) noexcept;
};

/// Delivers handles into `accepted`; each delivery is one completion. A final completion with result > 0 says only
/// that this run ended and that the operation may be submitted again; < 0 is an error.
struct accept_op : operation {
    static constexpr kind_facts about{op_kind::accept, "accept", wait_side::read};
    accept_op(handle h, std::uint32_t limit) : operation(about.kind), listener(h), accepted(limit) {}
    handle listener;
    accepted_queue accepted;
    bool only_pending = false;  ///< take one that is there already, or answer -EAGAIN; never waits
    std::int32_t call(call_mode mode) noexcept;
    handle waits_for() const noexcept { return listener; }
    wait_side waits_now() const noexcept { return only_pending ? wait_side::none : wait_side::read; }
};

struct connect_op : operation {
    static constexpr kind_facts about{op_kind::connect, "connect", wait_side::write};
    connect_op(handle h, const endpoint& e) noexcept : operation(about.kind), target(h), address(e) {}
    handle target;
    endpoint address;
    std::int32_t call(call_mode mode) noexcept;
    handle waits_for() const noexcept { return target; }
};

/// Delivers filled buffers into `received`, charged to `credit`; never more than the credit allows, but for what was
/// on its way. A final completion with result > 0 says that the operation may be submitted again, 0 is the end of
/// the stream, < 0 an error; what is in `received` came before it.
struct receive_op : operation {
    static constexpr kind_facts about{op_kind::receive, "receive", wait_side::read};
    explicit receive_op(handle h) noexcept : operation(about.kind), source(h) {}
    handle source;
    received_queue received;
    lease_credit credit;
    handle waits_for() const noexcept { return source; }

  protected:
    receive_op(op_kind k, handle h) noexcept : operation(k), source(h) {}
};

/// The same for any descriptor, at its own position; one buffer per submission.
struct read_op : receive_op {
    static constexpr kind_facts about{op_kind::read, "read", wait_side::read};
    explicit read_op(handle h) noexcept : receive_op(about.kind, h) {}
};

/// Sends every byte of `slices` or fails; `transferred` counts what the kernel has taken so far. The array and the
/// memory must stay until the final completion. Result: 0.
struct send_op : operation {
    static constexpr kind_facts about{op_kind::send, "send", wait_side::write};
    send_op(handle h, const io_slice* s, std::uint32_t n) noexcept : send_op(about.kind, h, s, n) {}
    handle target;
    const io_slice* slices;
    std::uint32_t count;
    std::uint32_t first = 0;  ///< slices before this one are done
    std::size_t skip = 0;     ///< bytes of slices[first] that are done
    std::size_t transferred = 0;
    bool more_follows = false;  ///< at once, so these bytes may wait and leave in one packet with them (MSG_MORE)
    std::int32_t call(call_mode mode) noexcept;
    handle waits_for() const noexcept { return target; }

  protected:
    send_op(op_kind k, handle h, const io_slice* s, std::uint32_t n) noexcept
        : operation(k), target(h), slices(s), count(n) {}
};

/// The same with write(2), for any descriptor, at its own position.
struct write_op : send_op {
    static constexpr kind_facts about{op_kind::write, "write", wait_side::write};
    write_op(handle h, const io_slice* s, std::uint32_t n) noexcept : send_op(about.kind, h, s, n) {}
    std::int32_t call(call_mode mode) noexcept;
};

enum class shutdown_side : std::uint8_t { receive, send, both };

struct shutdown_op : operation {
    static constexpr kind_facts about{op_kind::shutdown, "shutdown"};
    shutdown_op(handle h, shutdown_side s) noexcept : operation(about.kind), target(h), side(s) {}
    handle target;
    shutdown_side side;
    std::int32_t call(call_mode mode) noexcept;
};

/// Fills `address`.
struct name_op : operation {
    static constexpr kind_facts about{op_kind::name, "name"};
    name_op(handle h, bool of_peer) noexcept : operation(about.kind), target(h), peer(of_peer) {}
    handle target;
    bool peer;
    endpoint address;
    std::int32_t call(call_mode mode) noexcept;
};

enum class socket_option : std::uint8_t {
    no_delay,        ///< TCP_NODELAY
    keep_alive,      ///< SO_KEEPALIVE
    reuse_address,   ///< SO_REUSEADDR
    reuse_port,      ///< SO_REUSEPORT
    ipv6_only,       ///< IPV6_V6ONLY
    send_buffer,     ///< SO_SNDBUF, bytes
    receive_buffer,  ///< SO_RCVBUF, bytes
    linger,          ///< SO_LINGER, seconds; -1 off, 0 resets on close
    defer_accept,    ///< TCP_DEFER_ACCEPT, seconds
    quick_ack,       ///< TCP_QUICKACK
    fast_open,       ///< TCP_FASTOPEN, queue length
    user_timeout,    ///< TCP_USER_TIMEOUT, milliseconds
};

/// Sets the option to `value`, or reads it into `value`.
struct option_op : operation {
    static constexpr kind_facts about{op_kind::option, "option"};
    option_op(handle h, socket_option o, int v, bool set_it) noexcept
        : operation(about.kind), target(h), option(o), set(set_it), value(v) {}
    handle target;
    socket_option option;
    bool set;
    int value;
    std::int32_t call(call_mode mode) noexcept;
};

/// How a file is opened; a plain-data form of O_* and the mode.
struct open_request {
    bool read = true;
    bool write = false;
    bool create = false;
    bool exclusive = false;
    bool truncate = false;
    bool append = false;
    bool direct = false;  ///< O_DIRECT: address, length and offset must be multiples of the block size
    /// Many reads and writes of it are to come: if the mechanism has a table of registered files, it goes in there,
    /// which costs a system call at opening and at closing, and saves counting a reference for each operation.
    bool registered = false;
    std::uint32_t mode = 0644;
};

/// Result: the new handle's id. `path` must stay until the final completion.
struct open_op : operation {
    static constexpr kind_facts about{op_kind::open, "open", wait_side::file};
    open_op(const char* p, open_request r) noexcept : operation(about.kind), path(p), request(r) {}
    const char* path;
    open_request request;
    std::int32_t call(call_mode mode) noexcept;
};

/// Reads at `offset` into the slices; result: bytes, 0 at the end of the file. May be short.
struct read_at_op : operation {
    static constexpr kind_facts about{op_kind::read_at, "read_at", wait_side::file};
    read_at_op(handle h, const io_slice* s, std::uint32_t n, std::uint64_t o) noexcept
        : read_at_op(about.kind, h, s, n, o) {}
    handle target;
    const io_slice* slices;
    std::uint32_t count;
    std::uint64_t offset;
    std::int32_t call(call_mode mode) noexcept;

  protected:
    read_at_op(op_kind k, handle h, const io_slice* s, std::uint32_t n, std::uint64_t o) noexcept
        : operation(k), target(h), slices(s), count(n), offset(o) {}
};

/// Writes at `offset`; result: bytes. May be short.
struct write_at_op : read_at_op {
    static constexpr kind_facts about{op_kind::write_at, "write_at", wait_side::file};
    write_at_op(handle h, const io_slice* s, std::uint32_t n, std::uint64_t o) noexcept
        : read_at_op(about.kind, h, s, n, o) {}
    std::int32_t call(call_mode mode) noexcept;
};

struct sync_op : operation {
    static constexpr kind_facts about{op_kind::sync, "sync", wait_side::file};
    sync_op(handle h, bool only_data) noexcept : operation(about.kind), target(h), data_only(only_data) {}
    handle target;
    bool data_only;
    std::int32_t call(call_mode mode) noexcept;
};

/// Fills `raw` with the kernel's `struct statx`; decoded by src/op.
struct status_op : operation {
    static constexpr kind_facts about{op_kind::status, "status", wait_side::file};
    explicit status_op(handle h) noexcept : operation(about.kind), target(h) {}
    handle target;
    alignas(8) std::array<std::byte, 256> raw;  // left uninitialised: the kernel fills it
    std::int32_t call(call_mode mode) noexcept;
};

/// Moves up to `length` bytes between two descriptors, one of which is a pipe, without copying them. Result: bytes,
/// 0 at the end. `waits_for_source` says which end is the one that can make it wait (the other is known to be ready).
struct splice_op : operation {
    static constexpr kind_facts about{op_kind::splice, "splice", wait_side::read};
    splice_op(handle from, handle to, std::uint32_t n, bool source_waits) noexcept
        : operation(about.kind), source(from), target(to), length(n), waits_for_source(source_waits) {}
    handle source;
    handle target;
    std::uint32_t length;
    bool waits_for_source;
    bool only_pending = false;  ///< take what is there already, or answer -EAGAIN; never waits
    std::int32_t call(call_mode mode) noexcept;
    handle waits_for() const noexcept { return waits_for_source ? source : target; }
    wait_side waits_now() const noexcept {
        if (only_pending) return wait_side::none;
        return waits_for_source ? wait_side::read : wait_side::write;
    }
};

/// Closes the handle, or with `forget_only` just ends the backend's interest in a descriptor that somebody else owns.
/// No operation on the handle may be under way.
struct close_op : operation {
    static constexpr kind_facts about{op_kind::close, "close"};
    explicit close_op(handle h, bool only_forget = false) noexcept
        : operation(about.kind), target(h), forget_only(only_forget) {}
    handle target;
    bool forget_only;
    std::int32_t call(call_mode mode) noexcept;
};

/// Result: the handle's id. The descriptor's flags are never changed, since it may be shared with other processes
/// (standard input is), so a backend must cope with blocking ones.
///
/// A listening socket is the exception: it is put into non-blocking mode, since others may take the connection that
/// woke this loop. One that does not listen is answered -EINVAL.
struct adopt_op : operation {
    static constexpr kind_facts about{op_kind::adopt, "adopt"};
    explicit adopt_op(int fd, bool is_listening = false) noexcept
        : operation(about.kind), descriptor(fd), listening(is_listening) {}
    int descriptor;
    bool listening;
    std::int32_t call(call_mode mode) noexcept;
};

struct pipe_op : operation {
    static constexpr kind_facts about{op_kind::pipe, "pipe"};
    pipe_op() noexcept : operation(about.kind) {}
    handle read_end;
    handle write_end;
    std::int32_t call(call_mode mode) noexcept;
};

/// Result: a handle from which read_op delivers the kernel's `struct signalfd_siginfo`. The signals must be blocked
/// in every thread.
struct signals_op : operation {
    static constexpr kind_facts about{op_kind::signals, "signals"};
    explicit signals_op(std::uint64_t m) noexcept : operation(about.kind), mask(m) {}
    std::uint64_t mask;  ///< bit n-1 stands for signal n
    std::int32_t call(call_mode mode) noexcept;
};

/// The typed view of an operation whose kind is known.
template <class Op>
Op& as(operation& op) noexcept {
    return static_cast<Op&>(op);
}

/// `f.operator()<Op>()` for the type of a kind's operations: the one place that knows all of them.
template <class F>
constexpr decltype(auto) with_type_of(op_kind kind, F&& f) {
    switch (kind) {
        case op_kind::nop: return f.template operator()<nop_op>();
        case op_kind::socket: return f.template operator()<socket_op>();
        case op_kind::bind: return f.template operator()<bind_op>();
        case op_kind::listen: return f.template operator()<listen_op>();
        case op_kind::accept: return f.template operator()<accept_op>();
        case op_kind::connect: return f.template operator()<connect_op>();
        case op_kind::receive: return f.template operator()<receive_op>();
        case op_kind::send: return f.template operator()<send_op>();
        case op_kind::shutdown: return f.template operator()<shutdown_op>();
        case op_kind::name: return f.template operator()<name_op>();
        case op_kind::option: return f.template operator()<option_op>();
        case op_kind::open: return f.template operator()<open_op>();
        case op_kind::read_at: return f.template operator()<read_at_op>();
        case op_kind::write_at: return f.template operator()<write_at_op>();
        case op_kind::sync: return f.template operator()<sync_op>();
        case op_kind::status: return f.template operator()<status_op>();
        case op_kind::read: return f.template operator()<read_op>();
        case op_kind::write: return f.template operator()<write_op>();
        case op_kind::splice: return f.template operator()<splice_op>();
        case op_kind::close: return f.template operator()<close_op>();
        case op_kind::adopt: return f.template operator()<adopt_op>();
        case op_kind::pipe: return f.template operator()<pipe_op>();
        case op_kind::signals: return f.template operator()<signals_op>();
    }
    std::unreachable();
}

/// `f(op)` with the operation as what it is.
template <class F>
decltype(auto) dispatch(operation& op, F&& f) {
    return with_type_of(op.kind, [&]<class Op>() -> decltype(auto) { return f(static_cast<Op&>(op)); });
}
template <class F>
decltype(auto) dispatch(const operation& op, F&& f) {
    return with_type_of(op.kind, [&]<class Op>() -> decltype(auto) { return f(static_cast<const Op&>(op)); });
}

}  // namespace detail
}  // namespace penstock

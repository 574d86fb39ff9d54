// Operations: everything that touches a descriptor, as data. An operation lives where it was started (in its awaiter,
// or in a record of the loop), is submitted to a backend, and gets exactly one final completion.
//
// Programs meet operations through net, fs and adopt; this header is for those layers and for new ones.
#pragma once

#include <penstock/buffer_pool.hpp>
#include <penstock/detail/intrusive_list.hpp>
#include <penstock/endpoint.hpp>
#include <penstock/handle.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace penstock {

/// Every kind of operation. Each backend answers each kind in a `switch` without `default`, so that a new kind does
/// not compile until every backend has one.
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

/// The header of every operation. While it is submitted, `hook` and `scratch` belong to the backend and the address
/// must not change. Only the loop's thread touches it, except that an offloaded operation's payload and result belong
/// to the worker until it hands it back.
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
    nop_op() noexcept : operation(op_kind::nop) {}
};

enum class socket_type : std::uint8_t { stream, datagram };

/// Result: the new handle's id.
struct socket_op : operation {
    socket_op(address_family f, socket_type t) noexcept : operation(op_kind::socket), family(f), type(t) {}
    address_family family;
    socket_type type;
};

struct bind_op : operation {
    bind_op(handle h, const endpoint& e) noexcept : operation(op_kind::bind), target(h), address(e) {}
    handle target;
    endpoint address;
};

struct listen_op : operation {
    listen_op(handle h, int n) noexcept : operation(op_kind::listen), target(h), backlog(n) {}
    handle target;
    int backlog;
};

/// Accepted handles in order of arrival. A backend stops delivering at `limit`; what was on its way by then still
/// fits (the queue grows by at most one completion queue).
class accepted_queue {
  public:
    explicit accepted_queue(std::uint32_t limit) : limit_(limit) { items_.reserve(limit); }
    bool empty() const noexcept { return head_ == items_.size(); }
    std::size_t size() const noexcept { return items_.size() - head_; }
    bool full() const noexcept { return size() >= limit_; }
    void push(handle h) {
        if (empty() || head_ >= limit_) drop_popped();  // or it grows for ever when never empty
        items_.push_back(h);
    }
    handle pop() noexcept { return items_[head_++]; }
    handle newest() const noexcept { return items_.back(); }
    void rename_newest(handle h) noexcept { items_.back() = h; }

  private:
    void drop_popped() noexcept {
        items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }
    std::vector<handle> items_;
    std::size_t head_ = 0;
    std::uint32_t limit_;
};

/// Delivers handles into `accepted`; each delivery is one completion. A final completion with result > 0 says only
/// that this run ended and that the operation may be submitted again; < 0 is an error.
struct accept_op : operation {
    accept_op(handle h, std::uint32_t limit) : operation(op_kind::accept), listener(h), accepted(limit) {}
    handle listener;
    accepted_queue accepted;
    bool only_pending = false;  ///< take one that is there already, or answer -EAGAIN; never waits
};

struct connect_op : operation {
    connect_op(handle h, const endpoint& e) noexcept : operation(op_kind::connect), target(h), address(e) {}
    handle target;
    endpoint address;
};

/// Delivers filled buffers into `received`, charged to `credit`; never more than the credit allows, but for what was
/// on its way. A final completion with result > 0 says that the operation may be submitted again, 0 is the end of
/// the stream, < 0 an error; what is in `received` came before it.
struct receive_op : operation {
    explicit receive_op(handle h) noexcept : operation(op_kind::receive), source(h) {}
    handle source;
    received_queue received;
    lease_credit credit;

  protected:
    receive_op(op_kind k, handle h) noexcept : operation(k), source(h) {}
};

/// The same for any descriptor, at its own position; one buffer per submission.
struct read_op : receive_op {
    explicit read_op(handle h) noexcept : receive_op(op_kind::read, h) {}
};

/// Sends every byte of `slices` or fails; `transferred` counts what the kernel has taken so far. The array and the
/// memory must stay until the final completion. Result: 0.
struct send_op : operation {
    send_op(handle h, const io_slice* s, std::uint32_t n) noexcept : send_op(op_kind::send, h, s, n) {}
    handle target;
    const io_slice* slices;
    std::uint32_t count;
    std::uint32_t first = 0;  ///< slices before this one are done
    std::size_t skip = 0;     ///< bytes of slices[first] that are done
    std::size_t transferred = 0;
    bool more_follows = false;  ///< at once, so these bytes may wait and leave in one packet with them (MSG_MORE)

  protected:
    send_op(op_kind k, handle h, const io_slice* s, std::uint32_t n) noexcept
        : operation(k), target(h), slices(s), count(n) {}
};

/// The same with write(2), for any descriptor, at its own position.
struct write_op : send_op {
    write_op(handle h, const io_slice* s, std::uint32_t n) noexcept : send_op(op_kind::write, h, s, n) {}
};

enum class shutdown_side : std::uint8_t { receive, send, both };

struct shutdown_op : operation {
    shutdown_op(handle h, shutdown_side s) noexcept : operation(op_kind::shutdown), target(h), side(s) {}
    handle target;
    shutdown_side side;
};

/// Fills `address`.
struct name_op : operation {
    name_op(handle h, bool of_peer) noexcept : operation(op_kind::name), target(h), peer(of_peer) {}
    handle target;
    bool peer;
    endpoint address;
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
    option_op(handle h, socket_option o, int v, bool set_it) noexcept
        : operation(op_kind::option), target(h), option(o), set(set_it), value(v) {}
    handle target;
    socket_option option;
    bool set;
    int value;
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
    std::uint32_t mode = 0644;
};

/// Result: the new handle's id. `path` must stay until the final completion.
struct open_op : operation {
    open_op(const char* p, open_request r) noexcept : operation(op_kind::open), path(p), request(r) {}
    const char* path;
    open_request request;
};

/// Reads at `offset` into the slices; result: bytes, 0 at the end of the file. May be short.
struct read_at_op : operation {
    read_at_op(handle h, const io_slice* s, std::uint32_t n, std::uint64_t o) noexcept
        : read_at_op(op_kind::read_at, h, s, n, o) {}
    handle target;
    const io_slice* slices;
    std::uint32_t count;
    std::uint64_t offset;

  protected:
    read_at_op(op_kind k, handle h, const io_slice* s, std::uint32_t n, std::uint64_t o) noexcept
        : operation(k), target(h), slices(s), count(n), offset(o) {}
};

/// Writes at `offset`; result: bytes. May be short.
struct write_at_op : read_at_op {
    write_at_op(handle h, const io_slice* s, std::uint32_t n, std::uint64_t o) noexcept
        : read_at_op(op_kind::write_at, h, s, n, o) {}
};

struct sync_op : operation {
    sync_op(handle h, bool only_data) noexcept : operation(op_kind::sync), target(h), data_only(only_data) {}
    handle target;
    bool data_only;
};

/// Fills `raw` with the kernel's `struct statx`; decoded by src/op.
struct status_op : operation {
    explicit status_op(handle h) noexcept : operation(op_kind::status), target(h) {}
    handle target;
    alignas(8) std::array<std::byte, 256> raw;  // left uninitialised: the kernel fills it
};

/// Moves up to `length` bytes between two descriptors, one of which is a pipe, without copying them. Result: bytes,
/// 0 at the end. `waits_for_source` says which end is the one that can make it wait (the other is known to be ready).
struct splice_op : operation {
    splice_op(handle from, handle to, std::uint32_t n, bool source_waits) noexcept
        : operation(op_kind::splice), source(from), target(to), length(n), waits_for_source(source_waits) {}
    handle source;
    handle target;
    std::uint32_t length;
    bool waits_for_source;
    bool only_pending = false;  ///< take what is there already, or answer -EAGAIN; never waits
};

/// Closes the handle, or with `forget_only` just ends the backend's interest in a descriptor that somebody else owns.
/// No operation on the handle may be under way.
struct close_op : operation {
    explicit close_op(handle h, bool only_forget = false) noexcept
        : operation(op_kind::close), target(h), forget_only(only_forget) {}
    handle target;
    bool forget_only;
};

/// Result: the handle's id. The descriptor's flags are never changed, since it may be shared with other processes
/// (standard input is), so a backend must cope with blocking ones.
///
/// A listening socket is the exception: it is put into non-blocking mode, since others may take the connection that
/// woke this loop. One that does not listen is answered -EINVAL.
struct adopt_op : operation {
    explicit adopt_op(int fd, bool is_listening = false) noexcept
        : operation(op_kind::adopt), descriptor(fd), listening(is_listening) {}
    int descriptor;
    bool listening;
};

struct pipe_op : operation {
    pipe_op() noexcept : operation(op_kind::pipe) {}
    handle read_end;
    handle write_end;
};

/// Result: a handle from which read_op delivers the kernel's `struct signalfd_siginfo`. The signals must be blocked
/// in every thread.
struct signals_op : operation {
    explicit signals_op(std::uint64_t m) noexcept : operation(op_kind::signals), mask(m) {}
    std::uint64_t mask;  ///< bit n-1 stands for signal n
};

/// The typed view of an operation whose kind is known.
template <class Op>
Op& as(operation& op) noexcept {
    return static_cast<Op&>(op);
}

}  // namespace detail
}  // namespace penstock

// Operations: everything that touches a descriptor, as data. An operation lives where it was started (in its awaiter,
// or in a record of the loop), is submitted to a backend, and gets exactly one final completion.
//
// Programs meet operations through net, fs and adopt; this header is for those layers and for new ones.
#pragma once

#include <penstock/buffer_pool.hpp>
#include <penstock/detail/accepted_queue.hpp>
#include <penstock/detail/operation_header.hpp>
#include <penstock/detail/requests.hpp>
#include <penstock/detail/waiting_operations.hpp>
#include <penstock/endpoint.hpp>
#include <penstock/handle.hpp>
#include <penstock/op_kind.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace penstock::detail {

struct nop_op : operation {
    static constexpr kind_facts about{op_kind::nop, "nop"};
    nop_op() noexcept : operation(about.kind) {}
    std::int32_t call(call_mode) noexcept { return 0; }
};

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

// Paths of operations are relative to the handle beside them, or if that is invalid to the working directory. They must
// stay until the final completion.

/// Result: the new handle's id.
struct open_op : operation {
    static constexpr kind_facts about{op_kind::open, "open", wait_side::file};
    open_op(const char* p, open_request r, handle in = {}) noexcept
        : operation(about.kind), directory(in), path(p), request(r) {}
    handle directory;
    const char* path;
    open_request request;
    std::array<std::uint64_t, 3> how{};  ///< memory for the kernel's `struct open_how`
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
    status_op(handle in, const char* p, bool follow) noexcept
        : operation(about.kind), target(in), path(p), follow_link(follow) {}
    handle target;          ///< or what `path` is relative to
    const char* path = "";  ///< empty: of the handle itself
    bool follow_link = true;
    alignas(8) std::array<std::byte, 256> raw;  // left uninitialised: the kernel fills it
    std::int32_t call(call_mode mode) noexcept;
};

/// Result: 0.
struct truncate_op : operation {
    static constexpr kind_facts about{op_kind::truncate, "truncate", wait_side::file};
    truncate_op(handle h, std::uint64_t n) noexcept : operation(about.kind), target(h), size(n) {}
    handle target;
    std::uint64_t size;
    std::int32_t call(call_mode mode) noexcept;
};

/// A part of a file; a length of 0 is the rest of it for sync_range and advise.
struct range_op : operation {
    handle target;
    std::uint64_t offset;
    std::uint64_t length;

  protected:
    range_op(op_kind k, handle h, std::uint64_t o, std::uint64_t n) noexcept
        : operation(k), target(h), offset(o), length(n) {}
};

struct allocate_op : range_op {
    static constexpr kind_facts about{op_kind::allocate, "allocate", wait_side::file};
    allocate_op(handle h, std::uint64_t o, std::uint64_t n, allocation w) noexcept
        : range_op(about.kind, h, o, n), what(w) {}
    allocation what;
    int flags() const noexcept;
    std::int32_t call(call_mode mode) noexcept;
};

struct sync_range_op : range_op {
    static constexpr kind_facts about{op_kind::sync_range, "sync_range", wait_side::file};
    sync_range_op(handle h, std::uint64_t o, std::uint64_t n, bool begin_only) noexcept
        : range_op(about.kind, h, o, n), only_begin(begin_only) {}
    bool only_begin;  ///< do not wait until it is written
    unsigned flags() const noexcept;
    std::int32_t call(call_mode mode) noexcept;
};

struct advise_op : range_op {
    static constexpr kind_facts about{op_kind::advise, "advise", wait_side::file};
    advise_op(handle h, std::uint64_t o, std::uint64_t n, file_advice a) noexcept
        : range_op(about.kind, h, o, n), advice(a) {}
    file_advice advice;
    int number() const noexcept;
    std::int32_t call(call_mode mode) noexcept;
};

/// `memory` must begin at a page.
struct advise_memory_op : operation {
    static constexpr kind_facts about{op_kind::advise_memory, "advise_memory", wait_side::file};
    advise_memory_op(void* m, std::size_t n, memory_advice a) noexcept
        : operation(about.kind), memory(m), size(n), advice(a) {}
    void* memory;
    std::size_t size;
    memory_advice advice;
    int number() const noexcept;
    std::int32_t call(call_mode mode) noexcept;
};

struct rename_op : operation {
    static constexpr kind_facts about{op_kind::rename, "rename", wait_side::file};
    rename_op(handle in, const char* p, handle to_in, const char* to_p, rename_rule r) noexcept
        : operation(about.kind), directory(in), path(p), new_directory(to_in), new_path(to_p), rule(r) {}
    handle directory;
    const char* path;
    handle new_directory;
    const char* new_path;
    rename_rule rule;
    unsigned flags() const noexcept;
    std::int32_t call(call_mode mode) noexcept;
};

/// Removes a name, or with `of_directory` an empty directory (anything else fails with ENOTDIR).
struct unlink_op : operation {
    static constexpr kind_facts about{op_kind::unlink, "unlink", wait_side::file};
    unlink_op(handle in, const char* p, bool is_directory) noexcept
        : operation(about.kind), directory(in), path(p), of_directory(is_directory) {}
    handle directory;
    const char* path;
    bool of_directory;
    int flags() const noexcept;
    std::int32_t call(call_mode mode) noexcept;
};

struct make_directory_op : operation {
    static constexpr kind_facts about{op_kind::make_directory, "make_directory", wait_side::file};
    make_directory_op(handle in, const char* p, std::uint32_t m) noexcept
        : operation(about.kind), directory(in), path(p), mode(m) {}
    handle directory;
    const char* path;
    std::uint32_t mode;
    std::int32_t call(call_mode) noexcept;
};

/// A link whose content is `text`, whatever that may name.
struct symlink_op : operation {
    static constexpr kind_facts about{op_kind::symlink, "symlink", wait_side::file};
    symlink_op(const char* t, handle in, const char* p) noexcept
        : operation(about.kind), text(t), directory(in), path(p) {}
    const char* text;
    handle directory;
    const char* path;
    std::int32_t call(call_mode mode) noexcept;
};

/// One more name of the same file. A symbolic link gets one itself.
struct link_op : operation {
    static constexpr kind_facts about{op_kind::link, "link", wait_side::file};
    link_op(handle in, const char* p, handle to_in, const char* to_p) noexcept
        : operation(about.kind), directory(in), path(p), new_directory(to_in), new_path(to_p) {}
    handle directory;
    const char* path;
    handle new_directory;
    const char* new_path;
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

/// Copies up to `length` bytes from one pipe into another, where they also stay. Never waits: -EAGAIN if there is
/// nothing or no room. Result: bytes, 0 at the end.
struct tee_op : operation {
    static constexpr kind_facts about{op_kind::tee, "tee"};
    tee_op(handle from, handle to, std::uint32_t n) noexcept
        : operation(about.kind), source(from), target(to), length(n) {}
    handle source;
    handle target;
    std::uint32_t length;
    std::int32_t call(call_mode mode) noexcept;
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

/// Result: the id of an ordinary handle for what `target` names, which the target does not own. Where that is one
/// already, it is the same.
struct install_op : operation {
    static constexpr kind_facts about{op_kind::install, "install"};
    explicit install_op(handle h) noexcept : operation(about.kind), target(h) {}
    handle target;
    std::int32_t call(call_mode mode) noexcept;
};

struct pipe_op : operation {
    static constexpr kind_facts about{op_kind::pipe, "pipe"};
    explicit pipe_op(std::uint32_t bytes = 0) noexcept : operation(about.kind), capacity(bytes) {}
    std::uint32_t capacity;  ///< bytes that it should hold; 0, and where the kernel allows no more: its default
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

/// Memory for what the kernel wants to see of a message, so that it stays as long as the operation; src/op fills it.
struct message_memory {
    std::array<std::uint64_t, 7> header;   // left uninitialised: `struct msghdr`
    std::array<std::uint64_t, 2> slice;    // `struct iovec`
    std::array<std::uint64_t, 10> beside;  // ancillary data: as many descriptors as may be passed
};

/// Sends `slices` as one message, or with `segment` as datagrams of so many bytes each, the last of what is left; on a
/// stream, all of their bytes, the descriptors with the first. What is segmented, and what goes over a stream, is one
/// slice. The slices and the memory must stay until the final completion. Result: 0.
struct send_message_op : operation {
    static constexpr kind_facts about{op_kind::send_message, "send_message", wait_side::write};
    send_message_op(handle h, const io_slice* s, std::uint32_t n) noexcept
        : operation(about.kind), target(h), slices(s), count(n) {}
    handle target;
    const io_slice* slices;
    std::uint32_t count;
    endpoint to;  ///< none: to whom the socket is connected
    const handle* descriptors = nullptr;
    std::uint32_t descriptor_count = 0;
    std::uint16_t segment = 0;  ///< 0: one message
    bool one_by_one = false;    ///< the kernel can't segment, or not this
    bool over_path = false;     ///< a datagram between Unix sockets: sent at once or not at all
    std::size_t transferred = 0;
    message_memory memory;
    std::int32_t call(call_mode mode) noexcept;
    handle waits_for() const noexcept { return target; }
    wait_side waits_now() const noexcept { return over_path ? wait_side::none : wait_side::write; }
};

/// Whether it is a Unix socket: over others the kernel would lose the descriptors and say nothing. Handles that are no
/// descriptors are for the backend to judge.
bool may_carry_descriptors(handle socket) noexcept;

/// Receives one message into `slices`. Result: bytes that are there; 0 for an empty datagram, and at the end of a
/// stream. Of segments that came together, `segment` is the size of each but the last.
struct receive_message_op : operation {
    static constexpr kind_facts about{op_kind::receive_message, "receive_message", wait_side::read};
    receive_message_op(handle h, const io_slice* s, std::uint32_t n) noexcept
        : operation(about.kind), source(h), slices(s), count(n) {}
    handle source;
    const io_slice* slices;
    std::uint32_t count;
    bool joined = false;                ///< segments may come together
    std::uint8_t most_descriptors = 0;  ///< at most most_passed_descriptors
    // What came:
    bool truncated = false;         ///< it was longer than the slices
    bool descriptors_lost = false;  ///< there were more than that, or more than the process may have
    std::uint8_t descriptor_count = 0;
    std::uint16_t segment = 0;
    endpoint from;
    std::array<handle, most_passed_descriptors> descriptors{};  ///< open now, and whose the operation was
    message_memory memory;
    std::int32_t call(call_mode mode) noexcept;
    handle waits_for() const noexcept { return source; }
};

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
        case op_kind::truncate: return f.template operator()<truncate_op>();
        case op_kind::allocate: return f.template operator()<allocate_op>();
        case op_kind::sync_range: return f.template operator()<sync_range_op>();
        case op_kind::advise: return f.template operator()<advise_op>();
        case op_kind::advise_memory: return f.template operator()<advise_memory_op>();
        case op_kind::rename: return f.template operator()<rename_op>();
        case op_kind::unlink: return f.template operator()<unlink_op>();
        case op_kind::make_directory: return f.template operator()<make_directory_op>();
        case op_kind::symlink: return f.template operator()<symlink_op>();
        case op_kind::link: return f.template operator()<link_op>();
        case op_kind::poll: return f.template operator()<poll_op>();
        case op_kind::tee: return f.template operator()<tee_op>();
        case op_kind::futex_wait: return f.template operator()<futex_wait_op>();
        case op_kind::futex_wake: return f.template operator()<futex_wake_op>();
        case op_kind::loop_message: return f.template operator()<loop_message_op>();
        case op_kind::send_message: return f.template operator()<send_message_op>();
        case op_kind::receive_message: return f.template operator()<receive_message_op>();
        case op_kind::tick: return f.template operator()<tick_op>();
        case op_kind::install: return f.template operator()<install_op>();
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

}  // namespace penstock::detail

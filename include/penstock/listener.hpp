// net::listener: a socket that accepts streams.
#pragma once

#include <penstock/stream.hpp>

#include <coroutine>
#include <utility>

namespace penstock::net {

struct listen_options {
    int backlog = 4096;
    bool reuse_address = true;
    bool reuse_port = false;       ///< several listeners share the port; the kernel hashes connections to them
    bool ipv6_only = false;        ///< on an IPv6 wildcard, do not take IPv4 too
    bool unlink_existing = false;  ///< Unix sockets: remove a file that is in the way before binding
    std::uint32_t queue = 256;     ///< accepted connections that may wait for accept(); beyond it accepting pauses
};

}  // namespace penstock::net

namespace penstock::detail {

struct accept_waiter {
    void (*ready)(accept_waiter&) noexcept = nullptr;
};

/// The record behind net::listener.
struct listener_record : record {
    listener_record(loop& owner, handle listening, std::uint32_t queue);

    template <class Op>
    struct own : Op {
        template <class... Args>
        explicit own(listener_record& r, Args&&... args) : Op(std::forward<Args>(args)...), self(r) {}
        listener_record& self;
    };
    struct own_retry : descriptor_waiter {
        listener_record* self = nullptr;
    };

    loop& home;
    own<accept_op> incoming;
    own<close_op> closing;
    own_retry retry;
    accept_waiter* waiter = nullptr;
    close_waiter* closed_for = nullptr;
    std::int32_t failure = 0;
    bool held = false;  ///< a task is in accept(); the handle is not closed before it has left
    bool shutting = false;
    bool stopping = false;  ///< the accept under way is being cancelled on purpose

    bool armed() const noexcept { return incoming.state != op_state::idle; }
    bool has_something() const noexcept { return !incoming.accepted.empty() || failure != 0; }
    bool await_stream(accept_waiter& w) noexcept;
    result<net::stream> take() noexcept;
    /// Ends the accept under way; `w` is told. \return false if there is none.
    bool stop(accept_waiter& w) noexcept;
    void close(close_waiter* w) noexcept;
    void leave() noexcept {
        held = false;
        if (shutting) close_when_unused();
    }

  private:
    void arm() noexcept;
    void note_outcome() noexcept;
    void on_incoming() noexcept;
    void close_when_unused() noexcept;
    void on_closed() noexcept;
    void tell() noexcept;
};

/// The awaiter of accept().
class accept_awaiter : accept_waiter {
  public:
    explicit accept_awaiter(listener_record* record) noexcept : record_(record) {}

    bool await_ready() const noexcept { return record_ == nullptr; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        cancel_state* const surroundings = h.promise().cancel;
        // Unlike bytes, connections can wait in the kernel: a cancelled accept takes none.
        if (surroundings != nullptr && surroundings->requested()) {
            cancelled_ = true;
            return false;
        }
        if (record_->has_something()) return false;
        if (record_->waiter != nullptr || record_->held) {
            busy_ = true;
            return false;
        }
        task_ = h;
        ready = [](accept_waiter& w) noexcept { static_cast<accept_awaiter&>(w).resume(); };
        if (!record_->await_stream(*this)) return false;
        record_->held = holds_ = true;
        if (surroundings != nullptr) {
            node_.self = this;
            node_.fire = [](cancel_node& n) noexcept { static_cast<link&>(n).self->cancel(); };
            surroundings->add(node_);
        }
        return true;
    }

    result<net::stream> await_resume() noexcept {
        if (record_ == nullptr) return fail(std::errc::bad_file_descriptor);
        if (busy_) return fail(std::errc::device_or_resource_busy);
        result<net::stream> outcome = fail(std::errc::operation_canceled);
        if (!cancelled_ && record_->has_something()) outcome = record_->take();
        if (holds_) record_->leave();
        return outcome;
    }

  private:
    struct link : cancel_node {
        accept_awaiter* self = nullptr;
    };
    struct wake_item : ready_item {
        accept_awaiter* self = nullptr;
    };

    void resume() noexcept {
        node_.unlink();
        task_.resume();
    }
    void cancel() noexcept {
        record_->waiter = nullptr;
        wake_.self = this;
        wake_.run = [](ready_item& item) noexcept { static_cast<wake_item&>(item).self->resume(); };
        record_->home.enqueue(wake_);
    }

    listener_record* record_;
    std::coroutine_handle<> task_;
    link node_;
    wake_item wake_;
    bool cancelled_ = false;
    bool busy_ = false;
    bool holds_ = false;
};

/// The awaiter of listener::close().
class listener_close_awaiter : close_waiter {
  public:
    explicit listener_close_awaiter(listener_record* record) noexcept : record_(record) {}
    bool await_ready() const noexcept { return record_ == nullptr; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
        task_ = h;
        run = [](ready_item& item) noexcept { static_cast<listener_close_awaiter&>(item).task_.resume(); };
        record_->close(this);
    }
    result<void> await_resume() const noexcept { return {}; }

  private:
    listener_record* record_;
    std::coroutine_handle<> task_;
};

}  // namespace penstock::detail

namespace penstock::net {

/// A listening socket. Move-only; used on its loop's thread; must end before the loop. One accept at a time.
class listener {
  public:
    listener() noexcept = default;
    listener(listener&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    listener& operator=(listener&& other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }
    ~listener() {
        if (record_ != nullptr) record_->close(nullptr);
    }

    bool open() const noexcept { return record_ != nullptr; }

    /// The next connection. Running out of descriptors or memory does not end it: accepting pauses until one is closed
    /// and goes on. Errors: operation_canceled, and those of accept(2) that mean the listener itself is broken.
    detail::accept_awaiter accept() noexcept { return detail::accept_awaiter(record_); }

    /// Stops accepting, then yields what the kernel had already accepted for us, one per call; nothing when there is
    /// no more, or while another task is in accept(). Call it until then before close(), or those connections are
    /// reset. Ignores cancellation.
    task<std::optional<stream>> drain();

    /// Stops accepting, resets what was not accepted, and ends when that is done. An accept() that another task waits
    /// for ends with operation_canceled.
    detail::listener_close_awaiter close() noexcept {
        return detail::listener_close_awaiter(std::exchange(record_, nullptr));
    }

    task<result<endpoint>> local_endpoint();

    explicit listener(detail::listener_record& record) noexcept : record_(&record) {}
    detail::listener_record* record() const noexcept { return record_; }

  private:
    detail::listener_record* record_ = nullptr;
};

/// Binds `at` and listens. Port 0 lets the kernel choose; see listener::local_endpoint().
/// Errors: address_in_use, permission_denied, address_not_available, socket(2), bind(2), listen(2).
task<result<listener>> listen(endpoint at, listen_options options = {});

/// Takes in a socket that listens already: one that was handed over by whoever started the program, or a copy (dup) of
/// one from which other loops accept, too; see backend_options::exclusive_accept. It is put into non-blocking mode. Of
/// the options only `queue` counts. Once this succeeds the descriptor is the listener's.
/// Errors: bad_file_descriptor, not_a_socket, invalid_argument (it does not listen).
task<result<listener>> adopt_listener(int descriptor, listen_options options = {});

}  // namespace penstock::net

// The record behind net::stream and adopted: the part of a stream that must stay at one address.
#pragma once

#include <penstock/detail/await.hpp>
#include <penstock/loop.hpp>
#include <penstock/operation.hpp>

#include <coroutine>
#include <cstdint>
#include <span>

namespace penstock::detail {

struct stream_record;

/// Who wants to know that a stream has something to say: a task in receive(), or a server with many idle streams.
struct receive_waiter {
    /// Called on the loop, the record no longer naming the waiter.
    void (*ready)(receive_waiter&, stream_record&) noexcept = nullptr;
};

/// Who uses one direction of a stream, and does not only watch it. The handle is not closed under a user: when somebody
/// else closes the stream, the user is asked to end, and the close goes on when it has left.
struct stream_user {
    /// Called on the loop; must not resume anything itself. Null if what the user waits for is ended by the record.
    void (*closing)(stream_user&) noexcept = nullptr;
};

/// Who waits for a stream to be closed.
struct close_waiter : ready_item {};

/// One open stream. Freed by the loop after its handle was closed and its last lease has ended.
struct stream_record : record {
    stream_record(loop& owner, handle opened, op_kind how_to_read) noexcept;

    /// An operation of the record, which finds back to it.
    template <class Op>
    struct own : Op {
        own(stream_record& r, handle h) noexcept : Op(h), self(r) {}
        stream_record& self;
    };

    loop& home;
    own<receive_op> input;
    own<close_op> closing;
    receive_waiter* waiter = nullptr;
    stream_user* reader = nullptr;
    stream_user* writer = nullptr;
    close_waiter* closed_for = nullptr;
    std::int32_t failure = 0;        ///< what receiving ended with
    std::uint16_t idle_since = 0;    ///< in serve(): on its clock of idle connections
    bool met : 1 = false;            ///< its user has seen it before (first_use)
    bool ended : 1 = false;          ///< receiving ended: with failure, or in order
    bool shutting : 1 = false;       ///< close has begun
    bool closed : 1 = false;         ///< the handle is closed; only leases keep the record
    bool disarming : 1 = false;      ///< the receive under way is being cancelled on purpose
    bool cancels_reads : 1 = false;  ///< a cancelled receive must not go on in the background and take input
    bool rearming : 1 = false;       ///< it is being cancelled to go on with other buffers
    bool splices : 1 = false;        ///< splice(2) may be tried: a socket or pipe of our own, which does not block

    bool armed() const noexcept { return input.state != op_state::idle; }
    bool has_something() const noexcept { return !input.received.empty() || ended; }

    /// Registers `w` and makes sure that a receive is under way. \return false if there is something already.
    bool await_input(receive_waiter& w) noexcept;
    /// Takes what is there; only if has_something().
    result<lease> take() noexcept;
    /// Puts back what is left of a lease that take() has given.
    void unread(lease rest) noexcept { home.buffers().put_back(input.received, std::move(rest)); }
    /// Cancels the receive under way, if any; `then` is told when it has ended (or has brought something before that,
    /// so ask again). \return false if none was.
    bool disarm(receive_waiter& then) noexcept;
    /// What is received from now on is received into buffers of this class: a receive under way is cancelled, and
    /// whoever waits starts another. What it has brought by then stays as it is. invalid_argument: there is no such
    /// class.
    result<void> receive_in(unsigned buffer_class) noexcept;
    /// Begins to close; `w` (may be null) is run when that is done. Only its users may use the record any more, until
    /// they have left.
    void close(close_waiter* w) noexcept;
    void leave_reading() noexcept {
        reader = nullptr;
        if (shutting) close_when_unused();
    }
    void leave_writing() noexcept {
        writer = nullptr;
        if (shutting) close_when_unused();
    }

  private:
    void arm() noexcept;
    void note_outcome() noexcept;
    void close_when_unused() noexcept;
    void free_if_unused() noexcept;
    void on_input() noexcept;
    void on_closed() noexcept;
    void on_lease_returned() noexcept;
};

/// Makes a record for an open handle.
stream_record& make_stream_record(loop& owner, handle opened, op_kind how_to_read);

/// stream_record::receive_in(), of a stream that may be closed.
result<void> receive_in(stream_record* record, unsigned buffer_class) noexcept;

/// The awaiter of receive().
class receive_awaiter : receive_waiter, stream_user {
  public:
    explicit receive_awaiter(stream_record* record) noexcept : record_(record) {}
    /// For a user who already is the record's reader.
    receive_awaiter(stream_record& record, const stream_user& reader) noexcept : record_(&record), reader_(&reader) {}

    bool await_ready() const noexcept {
        return record_ == nullptr || (record_->reader == reader_ && record_->has_something());
    }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        cancel_state* const surroundings = h.promise().cancel;
        if (surroundings != nullptr && surroundings->requested()) {
            cancelled_ = true;
            return false;
        }
        task_ = h;
        ready = [](receive_waiter& w, stream_record&) noexcept { static_cast<receive_awaiter&>(w).resume(); };
        if (record_->waiter != nullptr || record_->reader != reader_) {
            busy_ = true;
            return false;
        }
        if (!record_->await_input(*this)) return false;
        if (reader_ == nullptr) {
            record_->reader = this;
            holds_ = true;
        }
        if (surroundings != nullptr) {
            node_.self = this;
            node_.fire = [](cancel_node& n) noexcept { static_cast<link&>(n).self->cancel(); };
            surroundings->add(node_);
        }
        return true;
    }

    result<lease> await_resume() noexcept {
        if (record_ == nullptr) return fail(std::errc::bad_file_descriptor);
        if (busy_) return fail(std::errc::device_or_resource_busy);
        result<lease> outcome = fail(std::errc::operation_canceled);
        if (record_->has_something()) outcome = record_->take();  // success beats cancellation
        if (holds_) record_->leave_reading();
        return outcome;
    }

  private:
    struct link : cancel_node {
        receive_awaiter* self = nullptr;
    };
    struct wake_item : ready_item {
        receive_awaiter* self = nullptr;
    };

    void resume() noexcept {
        node_.unlink();
        task_.resume();
    }

    void cancel() noexcept {
        if (record_->cancels_reads && record_->armed()) {
            record_->disarm(*this);
            return;
        }
        // The receive goes on in the background: what it brings is kept for the next one.
        record_->waiter = nullptr;
        wake_.self = this;
        wake_.run = [](ready_item& item) noexcept { static_cast<wake_item&>(item).self->resume(); };
        record_->home.enqueue(wake_);
    }

    stream_record* record_;
    const stream_user* reader_ = nullptr;
    std::coroutine_handle<> task_;
    link node_;
    wake_item wake_;
    bool cancelled_ = false;
    bool busy_ = false;
    bool holds_ = false;
};

/// The awaiter of send() and write().
template <class Op>
class send_awaiter : awaited<Op>, stream_user {
  public:
    send_awaiter(stream_record* record, handle to, std::span<const io_slice> what) noexcept
        : awaited<Op>(to, what.data(), static_cast<std::uint32_t>(what.size())), record_(record) {}
    send_awaiter(stream_record* record, handle to, io_slice one) noexcept
        : awaited<Op>(to, nullptr, 1), record_(record), one_(one) {}

    bool await_ready() const noexcept { return record_ == nullptr || record_->writer != nullptr; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        if (this->slices == nullptr) this->slices = &one_;
        closing = [](stream_user& user) noexcept { current_loop->cancel(static_cast<send_awaiter&>(user)); };
        record_->writer = this;
        started_ = true;
        return awaited<Op>::await_suspend(h);
    }

    penstock::result<void> await_resume() noexcept {
        if (record_ == nullptr) return fail(std::errc::bad_file_descriptor);
        if (!started_) return fail(std::errc::device_or_resource_busy);
        record_->leave_writing();
        return to_result(this->result);
    }

  private:
    stream_record* record_;
    io_slice one_{};
    bool started_ = false;
};

/// The awaiter of close().
class close_awaiter : close_waiter {
  public:
    explicit close_awaiter(stream_record* record) noexcept : record_(record) {}
    bool await_ready() const noexcept { return record_ == nullptr; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
        task_ = h;
        run = [](ready_item& item) noexcept { static_cast<close_awaiter&>(item).task_.resume(); };
        record_->close(this);
    }
    result<void> await_resume() const noexcept { return {}; }

  private:
    stream_record* record_;
    std::coroutine_handle<> task_;
};

}  // namespace penstock::detail

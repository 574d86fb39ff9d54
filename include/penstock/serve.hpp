// serve: the accept loop that every server needs, with idle connections that cost next to nothing.
#pragma once

#include <penstock/listener.hpp>
#include <penstock/sleep.hpp>
#include <penstock/task.hpp>

#include <coroutine>
#include <cstddef>
#include <new>
#include <utility>

namespace penstock::net {

/// What becomes of a connection when its session ends.
enum class after : std::uint8_t {
    idle,   ///< it waits for more; until then it owns no coroutine frame and no buffer
    close,  ///< it is closed
};

struct serve_options {
    /// Connections open at once, idle ones included. At the limit accepting pauses; it goes on when one closes.
    std::size_t most_connections = 10'000;
    /// How long sessions may go on once serve() is cancelled, and idle_grace at least. Then they are cancelled, too.
    duration drain_limit{0};
    /// How long a connection may stay idle before it is closed, to an eighth of it. Zero: for ever.
    duration idle_limit{0};
    /// How long idle connections stay open once serve() is cancelled. A client that has sent its next request by then
    /// is still answered; that the connection will not go on is for the handler to say.
    duration idle_grace{0};
    /// Close the listener once serve() is cancelled and the backlog is drained, so that a successor on the same port
    /// gets every new connection while the old ones end here.
    bool close_listener = false;
};

}  // namespace penstock::net

namespace penstock::detail {

/// The part of a server that does not depend on the handler: idle connections, the connection limit, the end.
class session_set : protected receive_waiter {
  public:
    session_set(const session_set&) = delete;
    session_set& operator=(const session_set&) = delete;

    /// Takes in a new connection.
    void add(net::stream accepted) noexcept;

    /// Waits until there is room for another connection, or cancellation.
    auto room() noexcept { return room_awaiter{*this}; }

    /// Lets sessions run on until options.drain_limit has passed, then cancels them, and closes what is still idle when
    /// options.idle_grace has passed.
    void begin_end() noexcept;

    /// After begin_end(): waits until the last session has ended and the last idle connection is closed.
    auto empty() noexcept {
        struct awaiter {
            session_set& in;
            bool await_ready() const noexcept { return in.all_gone(); }
            void await_suspend(std::coroutine_handle<> h) const noexcept { in.joiner_ = h; }
            void await_resume() const noexcept {}
        };
        return awaiter{*this};
    }

  protected:
    explicit session_set(const net::serve_options& options) noexcept;
    ~session_set();

    /// An idle connection has something to say: starts a session on it.
    virtual void start(stream_record& connection) = 0;
    /// Hands a connection back when its session has ended.
    void ended(net::stream connection, net::after what) noexcept;

    cancel_state cancel_;
    std::size_t sessions_ = 0;

  private:
    struct room_awaiter {
        session_set& in;
        std::coroutine_handle<> task{};
        struct link : cancel_node {
            session_set* self = nullptr;
        } node{};

        bool await_ready() const noexcept { return in.open_ < in.options_.most_connections; }
        template <class Promise>
        bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
            cancel_state* const surroundings = h.promise().cancel;
            if (surroundings != nullptr && surroundings->requested()) return false;
            ++current_loop->figures().connection_waits;
            in.waits_for_room_ = h;
            node.self = &in;
            node.fire = [](cancel_node& n) noexcept { static_cast<link&>(n).self->wake_for_room(); };
            if (surroundings != nullptr) surroundings->add(node);
            return true;
        }
        void await_resume() noexcept { node.unlink(); }
    };
    struct own_timer : timer_node {
        session_set* self = nullptr;
    };
    struct room_item : ready_item {
        session_set* self = nullptr;
    };

    void wait_idle(stream_record& connection) noexcept;
    void react(stream_record& connection) noexcept;
    void close(stream_record& connection) noexcept;
    void close_if_silent(stream_record& connection) noexcept;
    void close_idle() noexcept;
    void sweep_idle() noexcept;
    void end_grace() noexcept;
    void wake_for_room() noexcept;
    bool all_gone() const noexcept { return sessions_ == 0 && idle_.empty(); }
    void tell_if_all_gone() noexcept;

    const net::serve_options options_;
    std::size_t open_ = 0;
    list<record> idle_;         // the longest idle first
    std::uint16_t sweeps_ = 0;  // the clock of idle connections, which costs them no system call
    bool ending_ = false;
    std::coroutine_handle<> joiner_;
    std::coroutine_handle<> waits_for_room_;
    room_item room_item_;
    bool room_queued_ = false;
    own_timer end_timer_;
    own_timer idle_timer_;
};

/// An exception has left a session, where nobody could catch it: says so and ends the program.
[[noreturn]] void session_threw() noexcept;

template <class Handler>
class session_server final : public session_set {
  public:
    session_server(const net::serve_options& options, Handler& handler) noexcept
        : session_set(options), handler_(handler) {}

  private:
    /// One session under way: the connection, and the task that serves it.
    struct session : task_owner, ready_item {
        session(session_server& s, stream_record& r) : server(s), connection(r), work(s.handler_(connection)) {
            done = [](task_owner& self, promise_base&) noexcept { current_loop->enqueue(static_cast<session&>(self)); };
            run = [](ready_item& self) noexcept { static_cast<session&>(self).reap(); };
        }
        void reap() noexcept {
            if (work.promise().exception) session_threw();
            session_server& of = server;
            const net::after what = work.take_result();
            net::stream back = std::move(connection);
            this->~session();
            current_loop->frames().free(this, sizeof(session));
            of.ended(std::move(back), what);
        }
        session_server& server;
        net::stream connection;
        task<net::after> work;
    };

    void start(stream_record& connection) override {
        void* const memory = current_loop->frames().allocate(sizeof(session));
        auto* const begun = new (memory) session(*this, connection);
        ++sessions_;
        begun->work.prepare(cancel_, *begun).resumes.resume();
    }

    Handler& handler_;
};

}  // namespace penstock::detail

namespace penstock::net {

/// Accepts connections and calls `handler(stream&)`, which returns a task<after>, at the first bytes of each, and again
/// at the first bytes after each time it answered after::idle. Runs until cancelled; then it takes what the backlog
/// holds, closes idle connections (options.idle_grace), lets sessions run on for options.drain_limit, and returns when
/// all have ended. The listener stays open, unless options.close_listener says otherwise. A session should serve what
/// is there and answer after::idle when stream::has_input() is false, since a session that waits holds a frame.
/// \return nothing if it was cancelled, or the error of accept() that means the listener is broken.
template <class Handler>
task<result<void>> serve(listener& from, serve_options options, Handler handler) {
    detail::session_server<Handler> sessions(options, handler);
    std::error_code why;
    while (!why) {
        co_await sessions.room();
        auto accepted = co_await from.accept();
        if (accepted) {
            sessions.add(std::move(*accepted));
        } else if (accepted.error() == errc::too_many_blocked_operations) {
            // Of a bound that passes: a connection that closes makes room for accepting, too.
            ++current_loop->figures().accept_pauses;
            static_cast<void>(co_await sleep_for(std::chrono::milliseconds(100)));  // cancelled: accept() says so
        } else {
            why = accepted.error();
        }
    }
    if (why == std::errc::operation_canceled) {
        while (auto late = co_await from.drain()) sessions.add(std::move(*late));
        if (options.close_listener) co_await from.close();
    }
    sessions.begin_end();
    co_await sessions.empty();
    if (why == std::errc::operation_canceled) co_return result<void>{};
    co_return fail(why);
}

}  // namespace penstock::net

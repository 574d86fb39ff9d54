// A connection to an upstream that carries the requests of many clients, one behind the other (pipelining, RFC 9112
// 9.3.2): the requests of a turn leave in one send, and many responses arrive in one receive.
#pragma once

#include "upstream/input.hpp"
#include "upstream/pool.hpp"
#include <penstock/detail/cancel.hpp>
#include <penstock/detail/intrusive_list.hpp>
#include <penstock/task.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tinygate {

class line;

/// A request's place in a line; part of the exchange that waits there. Responses come in the order of the requests, so
/// each exchange reads its own when its turn has come, and then lets the next one read.
class place : public penstock::detail::list_hook {
  public:
    place() noexcept = default;
    ~place() { leave(); }
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    /// Whether the connection is lent to this request now.
    bool reading() const noexcept { return state_ == state::reading; }

    /// Waits for its turn. \return false if the line was lost before (or the wait was cancelled): nothing of the
    /// response has been read, and what has no effect may be asked again elsewhere.
    auto turn() noexcept;

    /// In its turn: the connection, and what was received and not used yet.
    connection borrow(input& received) noexcept;
    /// In its turn: nobody behind it shall wait for this response, which is long or has no length. The connection is
    /// closed after it.
    void send_others_away() noexcept;
    /// Ends its turn. `fit`: the response was read to its end, and the connection may go on.
    void done(connection borrowed, input rest, bool fit) noexcept;
    /// Gives up without having read: whoever is behind is sent away.
    void leave() noexcept;

  private:
    friend class line;
    class turn_awaiter;
    enum class state : std::uint8_t { outside, waiting, reading, lost };

    void wake() noexcept;

    line* in_ = nullptr;
    turn_awaiter* awaiter_ = nullptr;
    state state_ = state::outside;
};

/// Made for an open connection; destroyed by whoever runs write_until_over(), when that ends.
class line : public penstock::detail::list_hook, penstock::detail::receive_waiter {
  public:
    line(upstream_pool& pool, connection up, std::size_t depth);
    ~line();
    line(const line&) = delete;
    line& operator=(const line&) = delete;

    const peer& to() const noexcept { return *up_to_; }
    /// Whether another request may join. Looks for what the upstream has said unasked, too.
    bool has_room() noexcept;
    /// Adds a request, which leaves with the others of this turn.
    void join(place& p, std::string_view request);
    /// Sends what has joined, until the line is over and nobody is left in it.
    penstock::task<> write_until_over();
    /// Whether somebody waits although nobody was served since the last time that this was asked.
    bool stalls() noexcept;
    /// Ends it for everyone but who reads.
    void send_away_behind_reader() noexcept;

  private:
    friend class place;
    struct writer_wait;

    void finish(place& p, connection borrowed, input rest, bool fit) noexcept;
    void withdraw(place& p) noexcept;
    void lose_all_behind(place* last) noexcept;
    void next_reads() noexcept;
    void end() noexcept;
    void wake_writer() noexcept;

    upstream_pool& pool_;
    peer* up_to_;
    connection up_;  // without its stream while it is lent
    penstock::detail::stream_record* record_;
    input received_;
    penstock::detail::list<place> queue_;  // the first one reads
    std::size_t waiting_ = 0;              // in queue_
    const std::size_t depth_;
    std::uint64_t served_ = 0;
    std::uint64_t served_before_ = 0;
    std::string joined_;   // requests that have not been sent
    std::string sending_;  // and that are being sent
    writer_wait* writer_ = nullptr;
    bool over_ = false;  // takes no more requests, and closes when the last one has left
};

/// See place::turn().
class place::turn_awaiter : penstock::detail::ready_item {
  public:
    explicit turn_awaiter(place& p) noexcept : place_(p) {}

    bool await_ready() const noexcept { return place_.state_ != state::waiting; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        penstock::detail::cancel_state* const surroundings = h.promise().cancel;
        if (surroundings != nullptr && surroundings->requested()) return false;
        task_ = h;
        run = [](ready_item& item) noexcept { static_cast<turn_awaiter&>(item).task_.resume(); };
        place_.awaiter_ = this;
        if (surroundings != nullptr) {
            node_.self = this;
            node_.fire = [](penstock::detail::cancel_node& n) noexcept { static_cast<link&>(n).self->place_.wake(); };
            surroundings->add(node_);
        }
        return true;
    }

    bool await_resume() const noexcept { return place_.state_ == state::reading; }

  private:
    friend class place;
    struct link : penstock::detail::cancel_node {
        turn_awaiter* self = nullptr;
    };

    place& place_;
    std::coroutine_handle<> task_;
    link node_;
};

inline auto place::turn() noexcept { return turn_awaiter(*this); }

}  // namespace tinygate

#include "upstream/line.hpp"

#include <utility>

namespace tinygate {

using namespace penstock;

// --- place ----------------------------------------------------------------------------------------------------------

// At most once per wait: who is woken by its turn is not woken again by a cancellation.
void place::wake() noexcept {
    turn_awaiter* const waiting = std::exchange(awaiter_, nullptr);
    if (waiting == nullptr) return;
    waiting->node_.unlink();
    current_loop->enqueue(*waiting);
}

connection place::borrow(input& received) noexcept {
    received = std::move(in_->received_);
    return std::move(in_->up_);
}

void place::send_others_away() noexcept { in_->lose_all_behind(this); }

void place::done(connection borrowed, input rest, bool fit) noexcept {
    in_->finish(*this, std::move(borrowed), std::move(rest), fit);
}

void place::leave() noexcept {
    if (in_ != nullptr) in_->withdraw(*this);
}

// --- line -----------------------------------------------------------------------------------------------------------

line::line(upstream_pool& pool, connection up, std::size_t depth)
    : pool_(pool), up_to_(up.to), up_(std::move(up)), record_(up_.stream.record()), depth_(depth) {
    // Between requests the upstream has nothing to say: whatever comes, its end most likely, is the end of the line.
    ready = [](receive_waiter& w, detail::stream_record&) noexcept { static_cast<line&>(w).end(); };
}

line::~line() {
    unlink();
    if (record_ != nullptr && record_->waiter == this) record_->waiter = nullptr;
    received_ = {};
    pool_.discard(up_);
}

bool line::has_room() noexcept {
    if (over_ || waiting_ >= depth_) return false;
    if (waiting_ == 0 && (!is_silent(*record_) || !received_.empty())) end();
    return !over_;
}

void line::join(place& p, std::string_view request) {
    if (record_->waiter == this) record_->waiter = nullptr;
    p.in_ = this;
    p.state_ = queue_.empty() ? place::state::reading : place::state::waiting;
    if (queue_.empty()) served_before_ = served_ - 1;  // its time begins now
    queue_.push_back(p);
    ++waiting_;
    joined_.append(request);
    wake_writer();
}

void line::finish(place& p, connection borrowed, input rest, bool fit) noexcept {
    up_ = std::move(borrowed);
    received_ = std::move(rest);
    p.unlink();
    p.in_ = nullptr;
    p.state_ = place::state::outside;
    --waiting_;
    ++served_;
    if (fit) return next_reads();
    lose_all_behind(nullptr);
    end();
}

// Its response will come all the same, and nobody will read it.
void line::withdraw(place& p) noexcept {
    lose_all_behind(&p);
    p.unlink();
    p.in_ = nullptr;
    p.state_ = place::state::outside;
    --waiting_;
    if (queue_.empty()) end();
}

/// All of them if `last` is null.
void line::lose_all_behind(place* last) noexcept {
    over_ = true;
    while (place* const p = queue_.back()) {
        if (p == last) return;
        p->unlink();
        p->in_ = nullptr;
        p->state_ = place::state::lost;
        --waiting_;
        p->wake();
    }
}

void line::next_reads() noexcept {
    if (place* const next = queue_.front()) {
        next->state_ = place::state::reading;
        next->wake();
    } else if (over_ || !received_.empty() || !record_->await_input(*this)) {
        end();
    }
}

void line::end() noexcept {
    over_ = true;
    wake_writer();
}

bool line::stalls() noexcept { return std::exchange(served_before_, served_) == served_ && waiting_ > 1; }

void line::send_away_behind_reader() noexcept { lose_all_behind(queue_.front()); }

// --- Writing --------------------------------------------------------------------------------------------------------

/// Waits until there is something to send, or the line is over.
struct line::writer_wait : detail::ready_item {
    struct link : detail::cancel_node {
        writer_wait* self = nullptr;
    };

    explicit writer_wait(line& l) noexcept : of(l) {}
    line& of;
    std::coroutine_handle<> task;
    link node;

    bool has_ended() const noexcept { return of.over_ && of.queue_.empty(); }
    bool await_ready() const noexcept { return !of.joined_.empty() || has_ended(); }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        detail::cancel_state* const surroundings = h.promise().cancel;
        const bool cancelled = surroundings->requested();
        if (cancelled && !of.over_) return false;
        task = h;
        run = [](ready_item& item) noexcept { static_cast<writer_wait&>(item).task.resume(); };
        node.self = this;
        node.fire = [](detail::cancel_node& n) noexcept { static_cast<link&>(n).self->of.wake_writer(); };
        if (!cancelled) surroundings->add(node);
        of.writer_ = this;
        return true;
    }
    void await_resume() const noexcept {}
};

void line::wake_writer() noexcept {
    writer_wait* const waiting = std::exchange(writer_, nullptr);
    if (waiting == nullptr) return;
    waiting->node.unlink();
    current_loop->enqueue(*waiting);  // behind those who join in this turn
}

// Normally cancelled when no exchange is left. Where all work of the loop is, exchanges go on for as long as a drain
// may take, and the line may not end before those in it have left.
task<> line::write_until_over() {
    const detail::cancel_state* const surroundings = co_await detail::this_cancellation{};
    while (!over_ || !queue_.empty()) {
        co_await writer_wait(*this);
        if (surroundings->requested()) over_ = true;
        if (joined_.empty()) continue;
        std::swap(joined_, sending_);
        net::stream up(*record_);  // whoever has the other one, it is only read from
        const auto sent = co_await up.send(sending_);
        if (!sent) lose_all_behind(queue_.front());
        // Whoever reads waits for the answer to what may not have left.
        if (!sent && surroundings->requested()) static_cast<void>(co_await up.shutdown(net::shutdown_side::both));
        static_cast<void>(up.release());
        sending_.clear();
    }
}

}  // namespace tinygate

#include "upstream/pool.hpp"

#include <new>
#include <utility>

namespace tinygate {

using namespace penstock;

namespace {

constexpr std::uint32_t sweeps_per_limit = 8;

}  // namespace

// Waits for the peer to close, or to say something that nobody asked for; either ends the connection.
struct upstream_pool::idle_connection : detail::receive_waiter, detail::list_hook {
    upstream_pool* pool = nullptr;
    peer* to = nullptr;
    detail::stream_record* record = nullptr;
    std::uint32_t since = 0;
};

upstream_pool::upstream_pool(const options& asked, ticker& clock)
    : bounds_(asked.bounds),
      idle_limit_(asked.timeouts.idle),
      connect_limit_(asked.timeouts.connect),
      clock_(clock),
      idle_(asked.to.size()) {
    for (const endpoint& address : asked.to) peers_.push_back({.address = address, .name = address.to_string()});
    sweeper_.self = this;
    sweeper_.fire = [](detail::timer_node& t) noexcept { static_cast<own_timer&>(t).self->sweep(); };
}

upstream_pool::~upstream_pool() { close_idle(); }

peer& upstream_pool::next() noexcept {
    for (std::size_t tried = 0; tried < peers_.size(); ++tried) {
        peer& candidate = peers_[turn_];
        turn_ = turn_ + 1 == peers_.size() ? 0 : turn_ + 1;
        if (!candidate.down) return candidate;
        if (current_loop->now() >= candidate.down_until) {
            candidate.down = false;  // this request finds out
            return candidate;
        }
    }
    peer& unlucky = peers_[turn_];
    turn_ = turn_ + 1 == peers_.size() ? 0 : turn_ + 1;
    return unlucky;
}

// The end may have come and not have been told yet, being in the ready queue behind who asks. So may be the news of the
// last answer, whose reader had it before, from the end of its send on; they say nothing against the connection.
bool is_silent(const detail::stream_record& between_requests) noexcept {
    const detail::receive_op& input = between_requests.input;
    const bool is_ending = input.ready && input.final && input.result <= 0;
    return !between_requests.has_something() && !is_ending;
}

connection upstream_pool::take_idle(peer& p) noexcept {
    auto& idle = idle_[static_cast<std::size_t>(&p - peers_.data())];
    idle_connection* entry = idle.back();
    // What it has said would be taken for the answer to what comes now.
    while (entry != nullptr && !is_silent(*entry->record)) {
        drop(*entry);
        entry = idle.back();
    }
    if (entry == nullptr) return {.stream = {}, .to = &p, .reused = false};
    entry->unlink();
    --idle_count_;
    detail::stream_record& record = *entry->record;
    record.waiter = nullptr;
    current_loop->frames().free(entry, sizeof *entry);
    return {.stream = net::stream(record), .to = &p, .reused = true};
}

bool is_shortage(const std::error_code& why) noexcept {
    return why == std::errc::too_many_files_open || why == std::errc::too_many_files_open_in_system ||
           why == std::errc::not_enough_memory || why == std::errc::no_buffer_space ||
           why == errc::too_many_blocked_operations;
}

task<result<connection>> upstream_pool::connect(peer& p) {
    time_limit limit(clock_, co_await detail::this_cancellation{}, connect_limit_);
    co_await detail::run_under{&limit.cancellation()};
    ++p.open;
    auto opened = co_await net::connect(p.address);
    if (opened) co_return connection{.stream = std::move(*opened), .to = &p, .reused = false};
    --p.open;
    const std::error_code why = limit.passed() ? std::make_error_code(std::errc::timed_out) : opened.error();
    if (why != std::errc::operation_canceled && !is_shortage(why)) {
        p.down = true;
        p.down_until = detail::later(current_loop->now(), down_time);
    }
    co_return std::unexpected(why);
}

void upstream_pool::put_back(connection c) noexcept {
    auto& idle = idle_[static_cast<std::size_t>(c.to - peers_.data())];
    if (idle_count_ >= bounds_.upstream_idle || c.stream.has_input()) return discard(c);
    auto* const entry = new (current_loop->frames().allocate(sizeof(idle_connection))) idle_connection;
    entry->pool = this;
    entry->to = c.to;
    entry->record = c.stream.release();
    entry->since = sweeps_;
    entry->ready = [](detail::receive_waiter& w, detail::stream_record&) noexcept {
        auto& self = static_cast<idle_connection&>(w);
        self.pool->drop(self);
    };
    idle.push_back(*entry);
    ++idle_count_;
    if (!entry->record->await_input(*entry)) return drop(*entry);
    if (!sweeper_.set) {
        current_loop->set_timer(sweeper_, detail::later(current_loop->now(), idle_limit_ / sweeps_per_limit));
    }
}

void upstream_pool::discard(connection& c) noexcept {
    if (!c.stream.open()) return;
    --c.to->open;
    c.stream = {};
}

void upstream_pool::drop(idle_connection& entry) noexcept {
    entry.unlink();
    --idle_count_;
    --entry.to->open;
    entry.record->waiter = nullptr;
    entry.record->close(nullptr);
    current_loop->frames().free(&entry, sizeof entry);
}

void upstream_pool::sweep() noexcept {
    ++sweeps_;
    for (auto& idle : idle_) {
        while (idle_connection* const oldest = idle.front()) {
            if (sweeps_ - oldest->since <= sweeps_per_limit) break;
            drop(*oldest);
        }
    }
    if (idle_count_ == 0) return;
    current_loop->set_timer(sweeper_, detail::later(current_loop->now(), idle_limit_ / sweeps_per_limit));
}

void upstream_pool::close_idle() noexcept {
    for (auto& idle : idle_) {
        while (idle_connection* const entry = idle.front()) drop(*entry);
    }
    if (current_loop != nullptr) current_loop->cancel_timer(sweeper_);
}

}  // namespace tinygate

#include <penstock/serve.hpp>

#include "base/check.hpp"

#include <algorithm>

namespace penstock::detail {

void session_threw() noexcept { die(__FILE__, __LINE__, "an exception left a session of serve()"); }

namespace {

constexpr std::uint32_t sweeps_per_limit = 8;

}  // namespace

session_set::session_set(const net::serve_options& options) noexcept : options_(options) {
    ready = [](receive_waiter& self, stream_record& connection) noexcept {
        static_cast<session_set&>(self).react(connection);
    };
    end_timer_.self = idle_timer_.self = this;
    end_timer_.fire = [](timer_node& t) noexcept {
        session_set& self = *static_cast<own_timer&>(t).self;
        current_loop->figures().drains_cut += self.sessions_;
        self.cancel_.request();
    };
    idle_timer_.fire = [](timer_node& t) noexcept {
        session_set& self = *static_cast<own_timer&>(t).self;
        if (self.ending_) {
            self.end_grace();
        } else {
            self.sweep_idle();
        }
    };
    room_item_.self = this;
    room_item_.run = [](ready_item& item) noexcept {
        session_set& self = *static_cast<room_item&>(item).self;
        self.room_queued_ = false;
        std::exchange(self.waits_for_room_, nullptr).resume();
    };
}

session_set::~session_set() {
    PENSTOCK_CHECK(sessions_ == 0, "serve() was destroyed with sessions under way");
    current_loop->cancel_timer(end_timer_);
    current_loop->cancel_timer(idle_timer_);
}

void session_set::add(net::stream accepted) noexcept {
    ++open_;
    wait_idle(*accepted.release());
}

void session_set::wait_idle(stream_record& connection) noexcept {
    connection.unlink();  // from the loop's own list: this server ends it
    idle_.push_back(connection);
    connection.idle_since = sweeps_;
    if (options_.idle_limit > duration{0} && !idle_timer_.set) {
        current_loop->set_timer(idle_timer_, later(current_loop->now(), options_.idle_limit / sweeps_per_limit));
    }
    if (!connection.await_input(*this)) react(connection);
}

void session_set::react(stream_record& connection) noexcept {
    connection.unlink();
    if (connection.input.received.empty()) {
        close(connection);  // the peer went away, or the network failed: nobody to answer
        tell_if_all_gone();
    } else {
        start(connection);
    }
}

void session_set::ended(net::stream connection, net::after what) noexcept {
    --sessions_;
    stream_record* const record = connection.release();
    if (record == nullptr) {  // the session closed it, or gave it away
        --open_;
        wake_for_room();
    } else if (what == net::after::close || ending_) {
        close(*record);
    } else {
        wait_idle(*record);
    }
    tell_if_all_gone();
}

void session_set::tell_if_all_gone() noexcept {
    if (all_gone() && joiner_) std::exchange(joiner_, nullptr).resume();
}

void session_set::close(stream_record& connection) noexcept {
    connection.close(nullptr);
    --open_;
    wake_for_room();
}

void session_set::wake_for_room() noexcept {
    if (!waits_for_room_ || room_queued_) return;
    room_queued_ = true;
    current_loop->enqueue(room_item_);
}

// Connections become idle in the order of the list, so the first that is young enough ends the search.
void session_set::sweep_idle() noexcept {
    ++sweeps_;
    for (record* r = idle_.front(); r != nullptr;) {
        auto& oldest = static_cast<stream_record&>(*r);
        if (static_cast<std::uint16_t>(sweeps_ - oldest.idle_since) <= sweeps_per_limit) break;
        r = idle_.next(*r);
        close_if_silent(oldest);
    }
    if (idle_.empty()) return;
    current_loop->set_timer(idle_timer_, later(current_loop->now(), options_.idle_limit / sweeps_per_limit));
}

// Timers fire before what has just arrived is delivered: who has something to say is heard.
void session_set::close_if_silent(stream_record& connection) noexcept {
    if (connection.input.ready) return;
    connection.unlink();
    close(connection);
}

void session_set::end_grace() noexcept {
    for (record* r = idle_.front(); r != nullptr;) {
        auto& connection = static_cast<stream_record&>(*r);
        r = idle_.next(*r);
        close_if_silent(connection);
    }
    if (!idle_.empty()) current_loop->set_timer(idle_timer_, later(current_loop->now(), std::chrono::milliseconds(10)));
    tell_if_all_gone();
}

void session_set::close_idle() noexcept {
    while (record* const r = idle_.pop_front()) close(static_cast<stream_record&>(*r));
}

void session_set::begin_end() noexcept {
    ending_ = true;
    current_loop->cancel_timer(idle_timer_);
    if (options_.idle_grace > duration{0}) {
        current_loop->set_timer(idle_timer_, later(current_loop->now(), options_.idle_grace));
    } else {
        close_idle();
    }
    // Who may still ask may also be answered.
    const duration limit = std::max(options_.drain_limit, options_.idle_grace);
    current_loop->set_timer(end_timer_, later(current_loop->now(), limit));
}

}  // namespace penstock::detail

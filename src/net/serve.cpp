#include <penstock/serve.hpp>

#include "base/check.hpp"

namespace penstock::detail {

void session_threw() noexcept { die(__FILE__, __LINE__, "an exception left a session of serve()"); }

session_set::session_set(std::size_t most_connections) noexcept : most_(most_connections) {
    ready = [](receive_waiter& self, stream_record& connection) noexcept {
        static_cast<session_set&>(self).react(connection);
    };
    end_timer_.self = this;
    end_timer_.fire = [](timer_node& t) noexcept {
        session_set& self = *static_cast<end_timer&>(t).self;
        current_loop->figures().drains_cut += self.sessions_;
        self.cancel_.request();
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
}

void session_set::add(net::stream accepted) noexcept {
    ++open_;
    wait_idle(*accepted.release());
}

void session_set::wait_idle(stream_record& connection) noexcept {
    connection.unlink();  // from the loop's own list: this server ends it
    idle_.push_back(connection);
    if (!connection.await_input(*this)) react(connection);
}

void session_set::react(stream_record& connection) noexcept {
    connection.unlink();
    if (connection.input.received.empty()) {
        close(connection);  // the peer went away, or the network failed: nobody to answer
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
    if (sessions_ == 0 && joiner_) std::exchange(joiner_, nullptr).resume();
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

void session_set::begin_end(duration limit) noexcept {
    ending_ = true;
    while (record* const r = idle_.pop_front()) close(static_cast<stream_record&>(*r));
    current_loop->set_timer(end_timer_, later(current_loop->now(), limit));
}

}  // namespace penstock::detail

#include "backend/simulated/channel.hpp"

#include "backend/simulated/stream_socket.hpp"
#include "backend/simulated/world.hpp"

#include <algorithm>
#include <vector>

namespace penstock::detail {

// Things arrive in the order in which they were sent, whatever time each would have taken alone.
template <class Arrival>
void channel::after_what_was_sent(bool takes_time, Arrival arrival) {
    const duration way = takes_time ? world_.latency() : duration{};
    if (way == duration{} && arrivals_ == 0) {
        arrival(*this);
        return;
    }
    last_arrival_ = std::max(last_arrival_, world_.now() + way);
    ++arrivals_;
    world_.at(last_arrival_, [self = shared_from_this(), cut = cuts_, what = std::move(arrival)]() mutable {
        --self->arrivals_;
        if (self->cuts_ == cut) what(*self);
    });
}

void channel::send(std::span<const std::byte> bytes, bool takes_time) {
    if (!takes_time || (world_.takes_no_time() && arrivals_ == 0)) {
        arrive(bytes);  // without a copy on the way
        return;
    }
    under_way_ += bytes.size();
    after_what_was_sent(takes_time, [copy = std::vector(bytes.begin(), bytes.end())](channel& self) {
        self.under_way_ -= copy.size();
        self.arrive(copy);
    });
}

void channel::arrive(std::span<const std::byte> bytes) {
    if (reader == nullptr) {
        if (answers_to == nullptr) return;
        const auto back = std::static_pointer_cast<stream_socket>(answers_to->shared_from_this());
        world_.in(world_.latency(), [sender = std::weak_ptr(back)] {
            if (const auto still_there = sender.lock()) still_there->on_reset();
        });
        return;
    }
    arrived_.push(bytes);
    reader->tell(side::read);
}

void channel::end(bool takes_time) {
    if (std::exchange(end_sent_, true)) return;
    after_what_was_sent(takes_time, [](channel& self) {
        self.end_arrived_ = true;
        if (self.reader != nullptr) self.reader->tell(side::read);
    });
}

void channel::reset(bool takes_time) {
    end_sent_ = true;
    after_what_was_sent(takes_time, [](channel& self) {
        if (self.socket != nullptr) self.socket->on_reset();
    });
}

void channel::cut() noexcept {
    ++cuts_;
    under_way_ = 0;
}

std::size_t channel::take(std::span<std::byte> into) noexcept {
    const std::size_t n = arrived_.pop(into);
    if (n != 0 && writer != nullptr) writer->tell(side::write);
    return n;
}

}  // namespace penstock::detail

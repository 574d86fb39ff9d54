#include "upstream/lines.hpp"

#include <utility>

namespace tinygate {

using namespace penstock;

lines::lines(upstream_pool& pool, const bounds& most) : pool_(pool), most_(most), peers_(pool.peers()) {
    looker_.self = this;
    looker_.fire = [](detail::timer_node& t) noexcept { static_cast<own_timer&>(t).self->look(); };
}

lines::~lines() {
    if (current_loop != nullptr) current_loop->cancel_timer(looker_);
}

lines::joined lines::join(place& p, std::string_view request) {
    if (background_ == nullptr) return joined::no;
    turn_ = &pool_.next();
    of_peer& there = at(*turn_);
    for (line* one = there.open.front(); one != nullptr; one = there.open.next(*one)) {
        if (!one->has_room()) continue;
        one->unlink();
        there.open.push_back(*one);  // the next request looks at another one first
        one->join(p, request);
        return joined::yes;
    }
    return there.count < most_.pipelines && pool_.has_room(*turn_) ? joined::if_opened : joined::no;
}

task<lines::joined> lines::open(place& p, std::string_view request) {
    peer& to = *turn_;
    of_peer& there = at(to);
    ++there.count;
    connection up = pool_.take_idle(to);
    if (!up.stream.open()) {
        auto made = co_await pool_.connect(to);
        if (made) up = std::move(*made);
    }
    if (!up.stream.open() || background_ == nullptr) {
        pool_.discard(up);
        --there.count;
        co_return joined::no;
    }
    auto one = std::make_unique<line>(pool_, std::move(up), most_.pipeline_depth);
    there.open.push_back(*one);
    one->join(p, request);
    background_->spawn(carry(std::move(one)));
    if (!looker_.set) current_loop->set_timer(looker_, detail::later(current_loop->now(), look_every));
    co_return joined::yes;
}

task<> lines::carry(std::unique_ptr<line> one) {
    of_peer& there = at(one->to());
    co_await one->write_until_over();
    one.reset();
    --there.count;
}

void lines::look() noexcept {
    bool any = false;
    for (of_peer& there : peers_) {
        for (line* one = there.open.front(); one != nullptr; one = there.open.next(*one)) {
            any = true;
            if (one->stalls()) one->send_away_behind_reader();
        }
    }
    if (any) current_loop->set_timer(looker_, detail::later(current_loop->now(), look_every));
}

}  // namespace tinygate

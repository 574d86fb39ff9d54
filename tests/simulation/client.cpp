// The life of a client, and what it sends; what it hears is in client_answers.cpp.
#include "simulation/client.hpp"

#include "simulation/body.hpp"
#include <penstock/sleep.hpp>

#include <algorithm>
#include <utility>

namespace simulated {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr int most_futile = 5;  // connections in a row on which nothing could be asked

}  // namespace

task<> run_client(world& w, const client_plan& plan) {
    static_cast<void>(co_await sleep_for(plan.begins));
    int futile = 0;
    for (std::size_t first = 0; first < plan.requests.size() && futile < most_futile;) {
        auto connected = co_await net::connect(w.gate);
        if (!connected) {
            ++futile;
            const bool excused = w.plan.harsh || w.draining();
            if (!excused) w.violate("a client could not connect: {}", connected.error().message());
            static_cast<void>(co_await sleep_for(100ms));
            continue;
        }
        conversation with_gate(w, plan, first, std::move(*connected));
        const std::size_t next = co_await with_gate.run();
        futile = next == first ? futile + 1 : 0;
        first = next;
    }
}

task<std::size_t> conversation::run() {
    co_await with_scope([&](scope& both) -> task<> {
        both_ = &both;
        both.spawn(ask());
        both.spawn(listen());
        co_await both.join();
    });
    note_end();
    if (resets_) {
        co_await reset(stream_);
    } else {
        co_await stream_.close();
    }
    co_return next_;
}

/// What becomes of those that were not answered.
void conversation::note_end() {
    for (std::size_t i = answered_; i < asked_.size(); ++i) {
        request_record& r = record_of(*asked_[i]);
        r.ended = ended_;
        r.ended_at = current_loop->now();
        // By an answer before it that said so, by a request before it that failed, or by one behind it that left.
        const bool others_left = i + 1 < asked_.size() && record_of(*asked_.back()).left;
        r.shut_out = i != answered_ || last_ || others_left;
    }
}

task<> conversation::ask() {
    co_await ask_all();
    while (!over_ && current() != nullptr) co_await changed_.wait();
    if (!over_ && plan_.end == last_act::closes) {
        ended_ = "closed by the client";
        both_->cancel();
    }
}

task<> conversation::ask_all() {
    for (; next_ < plan_.requests.size(); ++next_) {
        const request_plan& r = plan_.requests[next_];
        while (may_ask() && !r.pipelined && current() != nullptr) co_await changed_.wait();
        if (may_ask() && r.wait > duration{0}) static_cast<void>(co_await sleep_for(r.wait));
        if (!may_ask()) co_return;
        asked_.push_back(&r);
        record_of(r).begun = true;
        record_of(r).connected_at = connected_at_;
        const bool sent = co_await send_request(r);
        if (sent && !r.upgrades) {
            record_of(r).sent = true;
            record_of(r).sent_at = current_loop->now();
        }
        if (!sent || r.upgrades || r.old) {
            ++next_;
            co_return;
        }
    }
    // Whoever half-closes and still has to be answered must be answered.
    if (may_ask() && plan_.end == last_act::half_closes) static_cast<void>(co_await stream_.shutdown_send());
}

/// \return whether all of it has left, and another may follow.
task<bool> conversation::send_request(const request_plan& r) {
    sent_ = 0;
    go_on_ = false;
    std::string head = request_head(r);
    const framed frame(r.form, r.size);
    if (r.form == body_form::none || r.size == 0) {
        frame.append_end(head);
        const bool sent = co_await send_within(r, head);
        if (sent && r.upgrades) {
            co_await send_tunnel(r);
            tunnel_sent_ = true;
        }
        co_return sent;
    }
    if (r.expects_continue) {
        bool goes_on = co_await send_within(r, head);
        if (goes_on) goes_on = co_await await_continue();
        if (!goes_on) co_return false;
        head.clear();
    }
    co_return co_await send_body(r, std::move(head));
}

/// \param first what goes out with the first piece
task<bool> conversation::send_body(const request_plan& r, std::string first) {
    const marked_bytes body(r.id, direction::to_origin);
    const framed frame(r.form, r.size);
    std::string piece;
    for (std::uint64_t offset = 0; offset < r.size; offset += piece.size()) {
        // An answer that has come already says that nobody waits for the rest.
        if (record_of(r).complete || last_) co_return false;
        piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(r.piece, r.size - offset)));
        body.write(offset, piece);
        frame.append(first, offset, piece);
        const bool sent = co_await send_within(r, first);
        if (!sent) co_return false;
        first.clear();
        if (r.pause > duration{0}) {
            const auto slept = co_await sleep_for(r.pause);
            if (!slept) co_return false;
        }
    }
    co_return true;
}

/// Sends, up to where the plan says that the client leaves.
task<bool> conversation::send_within(const request_plan& r, std::string_view bytes) {
    const bool leaves = r.leaves == departure::closes_in_request || r.leaves == departure::resets_in_request ||
                        r.leaves == departure::stalls_in_request;
    const bool here = leaves && sent_ + bytes.size() > r.leaves_after;
    if (here) bytes = bytes.substr(0, static_cast<std::size_t>(r.leaves_after - std::min(r.leaves_after, sent_)));
    sent_ += bytes.size();
    const auto sent = co_await stream_.send(bytes);
    if (!here) co_return sent.has_value();
    record_of(r).left = true;
    if (r.leaves == departure::stalls_in_request) {
        while (!over_) co_await changed_.wait();
        co_return false;
    }
    resets_ = r.leaves == departure::resets_in_request;
    ended_ = "left by the client in its request";
    both_->cancel();
    co_return false;
}

task<bool> conversation::await_continue() {
    const std::size_t this_one = asked_.size() - 1;
    while (!over_ && !go_on_ && !last_ && answered_ <= this_one) co_await changed_.wait();
    co_return go_on_ && !over_ && !last_;
}

task<> conversation::send_tunnel(const request_plan& r) {
    while (!over_ && !tunnel_ && current() != nullptr) co_await changed_.wait();
    if (!tunnel_) co_return;
    const marked_bytes bytes(r.id, direction::to_origin);
    std::string piece;
    for (std::uint64_t offset = 0; offset < r.size; offset += piece.size()) {
        piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(r.piece, r.size - offset)));
        bytes.write(offset, piece);
        const auto sent = co_await stream_.send(piece);
        send_failed_ = !sent;
        if (!sent) co_return;
        if (r.pause > duration{0}) static_cast<void>(co_await sleep_for(r.pause));
    }
    record_of(r).sent = true;
    record_of(r).sent_at = current_loop->now();
    static_cast<void>(co_await stream_.shutdown_send());
}

}  // namespace simulated

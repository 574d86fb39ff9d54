#include "support/watchdog.hpp"

#include "support/build_kind.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace penstock::testing {
namespace {

/// PENSTOCK_TEST_PATIENCE (seconds) shortens it for who looks for a hang.
std::chrono::seconds patience() {
    const char* const wanted = std::getenv("PENSTOCK_TEST_PATIENCE");
    return std::chrono::seconds(wanted != nullptr ? std::atoi(wanted) : is_sanitized ? 150 : 60);
}
constexpr auto patience_after_stop = std::chrono::seconds(is_sanitized ? 40 : 20);

}  // namespace

watchdog& watchdog::instance() {
    static watchdog* const one = new watchdog;  // never ends: its thread does not either
    return *one;
}

void watchdog::start(std::string name) {
    const std::lock_guard lock(mutex_);
    name_ = std::move(name);
    limit_ = std::chrono::steady_clock::now() + patience();
    stage_ = stage::running;
    changed_.notify_one();
}

void watchdog::stop() {
    const std::lock_guard lock(mutex_);
    stage_ = stage::off;
    changed_.notify_one();
}

void watchdog::watch(loop* l) {
    const std::lock_guard lock(mutex_);
    watched_ = l;
}

void watchdog::guard() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (stage_ == stage::off) {
            changed_.wait(lock);
        } else if (changed_.wait_until(lock, limit_) == std::cv_status::timeout && stage_ != stage::off &&
                   std::chrono::steady_clock::now() >= limit_) {
            on_expired(lock);
        }
    }
}

void watchdog::on_expired(std::unique_lock<std::mutex>&) {
    if (stage_ == stage::stopping || watched_ == nullptr) {
        std::fprintf(stderr, "conformance: %s hangs and does not stop; ending the program\n", name_.c_str());
        std::abort();
    }
    ADD_FAILURE() << name_ << " hangs; asking its loop to stop";
    loop* const l = watched_;
    static_cast<void>(
        l->post([l] { std::fprintf(stderr, "the loop at that time:\n%s", describe(l->statistics()).c_str()); }));
    l->request_stop();
    stage_ = stage::stopping;
    limit_ = std::chrono::steady_clock::now() + patience_after_stop;
}

std::string describe(const loop_statistics& s) {
    std::ostringstream text;
    const auto line = [&](const char* name, auto value) { text << "  " << name << " " << value << "\n"; };
    line("turns", s.turns);
    line("completions", s.completions);
    line("immediate", s.immediate);
    line("resumed", s.resumed);
    line("budget_exhausted", s.budget_exhausted);
    line("timers", s.timers);
    line("in_flight", s.in_flight);
    line("waiting_for_space", s.waiting_for_space);
    line("posted", s.posted);
    line("post_refused", s.post_refused);
    line("wakes", s.wakes);
    line("records", s.records);
    line("buffers.count", s.buffers.count);
    line("buffers.in_use", s.buffers.in_use);
    line("buffers.exhausted", s.buffers.exhausted);
    for (std::size_t i = 0; i < s.buffers.more.size(); ++i) {
        const buffer_class_statistics& c = s.buffers.more[i];
        if (c.count == 0) continue;
        const std::string name = "buffers.more[" + std::to_string(i) + "].";
        line((name + "count").c_str(), c.count);
        line((name + "in_use").c_str(), c.in_use);
        line((name + "exhausted").c_str(), c.exhausted);
    }
    line("frames.in_use", s.frames.in_use);
    line("enters", s.enters);
    line("parked", s.parked);
    line("overflows", s.overflows);
    line("busy", s.busy);
    line("credit_waits", s.credit_waits);
    line("accept_pauses", s.accept_pauses);
    line("slot_waits", s.slot_waits);
    line("registrations", s.registrations);
    line("descriptors_refused", s.descriptors_refused);
    line("offloaded", s.offloaded);
    line("worker_threads", s.worker_threads);
    line("worker_queue", s.worker_queue);
    return text.str();
}

}  // namespace penstock::testing

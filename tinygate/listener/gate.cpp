#include "listener/gate.hpp"

#include <penstock/scope.hpp>
#include <penstock/sleep.hpp>

#include <signal.h>  // NOLINT(modernize-deprecated-headers): the numbers of signals are POSIX's

#include <algorithm>
#include <chrono>
#include <utility>

namespace tinygate {

using namespace penstock;

gate::gate(options asked, environment outside, std::vector<loop*> loops)
    : asked_(std::move(asked)),
      outside_(std::move(outside)),
      loops_(std::move(loops)),
      addresses_(asked_.listen),
      serving_(loops_.size()),
      stations_(loops_.size()) {}

gate::~gate() = default;

task<std::expected<void, setup_error>> gate::open(std::size_t i) {
    stations_[i] = std::make_unique<station>(asked_, outside_, still_open_);
    return stations_[i]->bind(addresses_, i == 0);
}

task<result<void>> gate::serve(std::size_t i) {
    if (i != 0) co_return co_await serve_one(i);
    result<void> ended;
    co_await with_scope([&](scope& s) -> task<> {
        auto ending = co_await watch_signals({SIGTERM, SIGINT});
        if (!ending) {
            ended = std::unexpected(ending.error());
            close(i);
            co_return;
        }
        s.spawn(await_the_end(*ending));
        ended = co_await serve_one(i);
        // A second signal is for those that go on elsewhere, too.
        bool waits = ended.has_value();
        while (waits && serving_ != 0) waits = (co_await sleep_for(std::chrono::milliseconds(10))).has_value();
        s.cancel();
        co_await s.join();
    });
    co_return ended;
}

/// Until the last session has ended; the station is destroyed where it lived.
task<result<void>> gate::serve_one(std::size_t i) {
    result<void> ended = co_await stations_[i]->serve();
    close(i);
    --serving_;
    co_return ended;
}

task<> gate::await_the_end(signals& ending) {
    const auto first = co_await ending.next();
    if (!first) co_return;
    outside_.say("draining; again to stop at once");
    co_await tell_all(&station::stop);
    const auto second = co_await ending.next();
    if (!second) co_return;
    co_await tell_all(&station::abandon);
}

/// Tells every station, each on its loop.
task<> gate::tell_all(step what) {
    std::vector<bool> told(loops_.size());
    for (;;) {
        tell_those_left(what, told);
        if (std::ranges::find(told, false) == told.end()) co_return;
        const auto slept = co_await sleep_for(std::chrono::milliseconds(1));  // what was posted before is run meanwhile
        if (!slept) co_return;
    }
}

void gate::tell_those_left(step what, std::vector<bool>& told) {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        if (told[i]) continue;
        told[i] = loops_[i]->post([this, i, what] {
            if (stations_[i] != nullptr) ((*stations_[i]).*what)();  // it may have ended since
        });
    }
}

}  // namespace tinygate

#include <penstock/runtime.hpp>

#include "base/check.hpp"
#include "base/fork_guard.hpp"
#include "base/setup.hpp"
#include "op/signal.hpp"
#include "runtime/loop_core.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace penstock {
namespace {

using loop_work = std::function<result<void>(loop&)>;

unsigned usable_processors() noexcept {
    ::cpu_set_t usable;
    if (::sched_getaffinity(0, sizeof usable, &usable) == 0) return static_cast<unsigned>(CPU_COUNT(&usable));
    return std::max(std::thread::hardware_concurrency(), 1U);
}

}  // namespace

// The threads go through the same phases together: set up, then any number of runs, then the end. Each phase is
// announced by the caller's thread and reported by each of the others.
struct runtime::shared_state {
    enum class phase { set_up, run, end };

    explicit shared_state(std::size_t how_many) : loops(how_many) {}

    void announce(phase next) {
        const std::scoped_lock lock(mutex);
        current = next;
        ++announced;
        reports = 0;
        changed.notify_all();
    }
    phase await_announcement(std::uint64_t& seen) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return announced != seen; });
        seen = announced;
        return current;
    }
    void report() {
        const std::scoped_lock lock(mutex);
        ++reports;
        changed.notify_all();
    }
    void await_reports() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return reports == threads.size(); });
    }

    std::expected<void, setup_error> start(const runtime_options& options);
    void set_up(std::size_t i, const loop_options& options);
    void serve(std::size_t i, const loop_options& options);
    void run_one(std::size_t i);
    void note_failure(std::error_code error, std::exception_ptr exception);
    void stop_all() noexcept;
    void end();

    std::mutex mutex;
    std::condition_variable changed;
    phase current = phase::set_up;
    std::uint64_t announced = 0;
    std::size_t reports = 0;
    std::optional<setup_error> refused;  // the first
    std::error_code error;               // the first
    std::exception_ptr exception;        // the first

    std::vector<std::unique_ptr<penstock::loop>> loops;  // each element is its thread's until that has reported
    std::vector<std::thread> threads;                    // of loop 1 and on
    const loop_work* work = nullptr;
    const std::thread::id owner = std::this_thread::get_id();
    const std::uint32_t born_in = detail::fork_generation();
    std::atomic<bool> stopped{false};
    std::atomic<std::uint32_t> visitors{0};
};

std::expected<void, setup_error> runtime::shared_state::start(const runtime_options& options) {
    try {
        for (std::size_t i = 1; i < loops.size(); ++i) {
            threads.emplace_back([this, i, &options] { serve(i, options.loop); });
        }
    } catch (const std::system_error& e) {
        refused = detail::setup_failure("pthread_create", e.code().value());
    }
    announce(phase::set_up);
    set_up(0, options.loop);
    await_reports();
    if (!refused) return {};
    end();
    return std::unexpected(std::move(*refused));
}

void runtime::shared_state::set_up(std::size_t i, const loop_options& options) {
    std::expected<std::unique_ptr<penstock::loop>, setup_error> made;
    try {
        made = penstock::loop::create(options);
    } catch (const std::bad_alloc&) {
        made = std::unexpected(setup_error{std::make_error_code(std::errc::not_enough_memory),
                                           "no memory for a loop; make loop_options::buffers smaller"});
    }
    const std::scoped_lock lock(mutex);
    if (made) {
        loops[i] = std::move(*made);
    } else if (!refused) {
        refused = std::move(made.error());
        refused->message = "loop " + std::to_string(i) + ": " + refused->message;
    }
}

// The life of a thread.
void runtime::shared_state::serve(std::size_t i, const loop_options& options) {
    ::pthread_setname_np(::pthread_self(), ("penstock/" + std::to_string(i)).c_str());
    std::uint64_t seen = 0;
    for (;;) {
        switch (await_announcement(seen)) {
            case phase::set_up: set_up(i, options); break;
            case phase::run: run_one(i); break;
            case phase::end: loops[i].reset(); return;
        }
        report();
    }
}

void runtime::shared_state::run_one(std::size_t i) {
    try {
        if (const result<void> ended = (*work)(*loops[i]); !ended) note_failure(ended.error(), nullptr);
    } catch (...) {
        note_failure({}, std::current_exception());
    }
}

void runtime::shared_state::note_failure(std::error_code why, std::exception_ptr thrown) {
    {
        const std::scoped_lock lock(mutex);
        if (!error && !exception) {
            error = why;
            exception = std::move(thrown);
        }
    }
    stop_all();
}

void runtime::shared_state::stop_all() noexcept {
    stopped.store(true, std::memory_order_relaxed);
    for (const auto& each : loops) each->request_stop();
}

void runtime::shared_state::end() {
    announce(phase::end);
    loops[0].reset();
    for (std::thread& each : threads) each.join();
    threads.clear();
}

runtime::runtime(std::unique_ptr<shared_state> state) noexcept : state_(std::move(state)) {}

std::expected<std::unique_ptr<runtime>, setup_error> runtime::create(runtime_options options) {
    if (!options.signals.valid() || !detail::block_signals_here(options.signals.mask())) {
        return std::unexpected(setup_error{std::make_error_code(std::errc::invalid_argument),
                                           "runtime_options::signals holds a number that is no signal's, or a signal "
                                           "that can't be blocked; leave it out"});
    }
    auto state = std::make_unique<shared_state>(options.loops == 0 ? usable_processors() : options.loops);
    if (auto started = state->start(options); !started) return std::unexpected(std::move(started.error()));
    return std::unique_ptr<runtime>(new runtime(std::move(state)));
}

runtime::~runtime() {
    if (state_->born_in != detail::fork_generation()) {
        static_cast<void>(state_.release());  // a child's exit: the threads are the parent's
        return;
    }
    PENSTOCK_CHECK(state_->owner == std::this_thread::get_id(),
                   "a runtime was destroyed on another thread than created");
    while (state_->visitors.load(std::memory_order_acquire) != 0) std::this_thread::yield();
    state_->end();
}

std::size_t runtime::size() const noexcept { return state_->loops.size(); }

penstock::loop& runtime::loop(std::size_t i) noexcept { return *state_->loops[i]; }

result<void> runtime::run_everywhere(const loop_work& work) {
    PENSTOCK_CHECK(state_->born_in == detail::fork_generation(),
                   "a runtime was used in a forked child; fork only to exec");
    PENSTOCK_CHECK(state_->owner == std::this_thread::get_id(),
                   "runtime::run() was called on another thread than create()");
    if (state_->stopped.load(std::memory_order_relaxed)) return fail(errc::loop_stopped);
    state_->work = &work;
    state_->announce(shared_state::phase::run);
    state_->run_one(0);
    state_->await_reports();
    if (state_->exception) std::rethrow_exception(std::exchange(state_->exception, nullptr));
    if (state_->error) return fail(state_->error);
    return {};
}

void runtime::stop() noexcept {
    shared_state& state = *state_;
    const detail::visit visiting(state.visitors);
    state.stop_all();
}

}  // namespace penstock

// runtime: a loop per core, each on a thread of its own.
#pragma once

#include <penstock/loop.hpp>
#include <penstock/result.hpp>
#include <penstock/signal_set.hpp>
#include <penstock/task.hpp>

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <type_traits>

namespace penstock {

struct runtime_options {
    /// How many loops; 0: one for each processor that this process may run on (sched_getaffinity(2)).
    unsigned loops = 0;
    /// For each loop.
    loop_options loop = {};
    /// Signals that the program will await (watch_signals(), on loop 0 by convention): blocked in the calling thread,
    /// and with that in every thread of the runtime, before any of them starts. They stay blocked.
    signal_set signals = {};
};

/// Several loops that share nothing. Loop 0 runs on the thread that creates the runtime, the others on threads named
/// `penstock/1`, `penstock/2`, ...; each is created and destroyed on its own thread. Work is spread by listeners with
/// listen_options::reuse_port, one per loop; what must go from one loop to another goes through loop::post(), which is
/// bounded.
///
///     auto rt = runtime::create({.signals = {SIGTERM, SIGINT}});
///     result<void> ended = (*rt)->run([&](loop& l) -> task<result<void>> { ... });
///
/// create(), run() and the destructor belong to one thread; stop(), size() and loop() to any.
class runtime {
  public:
    /// Starts the threads and sets up their loops. \return the runtime, or one line about what was wrong with the
    /// first loop that could not be had; then every thread has ended and nothing is left.
    static std::expected<std::unique_ptr<runtime>, setup_error> create(runtime_options options = {});
    /// Ends the loops, each on its thread, as ~loop() says, and joins the threads. run() must not be under way.
    ~runtime();
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;

    std::size_t size() const noexcept;

    /// The i-th loop, below size(). What may be done with it from another thread is said with it: loop::post(),
    /// loop::request_stop(). Functions posted to a loop whose task has ended are run by the next run(), or dropped.
    penstock::loop& loop(std::size_t i) noexcept;

    /// Calls `work(loop)` on each loop's thread (at the same time: what it shares must be fit for that) and runs the
    /// task<void> or task<result<void>> that it returns; ends when all have ended. The first error stops the other
    /// loops and is what is returned; so does the first exception, which is rethrown here. May be called again after
    /// success. \return errc::loop_stopped, and nothing was run, once an error, an exception or stop() ended the
    /// runtime.
    template <class Work>
    result<void> run(Work work) {
        return run_everywhere([&work](penstock::loop& on) -> result<void> {
            using value = typename std::invoke_result_t<Work&, penstock::loop&>::value_type;
            static_assert(std::is_void_v<value> || std::is_same_v<value, result<void>>,
                          "the work of a runtime returns task<> or task<result<void>>");
            if constexpr (std::is_void_v<value>) {
                on.run(work(on));
                return {};
            } else {
                return on.run(work(on));
            }
        });
    }

    /// Cancels what run() runs on every loop, for good. Any thread, and any number of times; not from a signal handler.
    /// The runtime may end while this call is still on its way out: its end waits for it.
    void stop() noexcept;

  private:
    struct shared_state;
    explicit runtime(std::unique_ptr<shared_state> state) noexcept;
    result<void> run_everywhere(const std::function<result<void>(penstock::loop&)>& work);

    std::unique_ptr<shared_state> state_;
};

}  // namespace penstock

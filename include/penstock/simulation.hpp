// A whole machine on one thread: virtual time, a network, files and signals in memory, faults by a seed.
#pragma once

#include <penstock/loop.hpp>
#include <penstock/result.hpp>
#include <penstock/simulation_options.hpp>
#include <penstock/task.hpp>
#include <penstock/time.hpp>

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

/// Several loops and the world they live in. Nothing of it is real: time goes on when nobody has anything to do, and
/// then at once to the next moment at which somebody has. What is left to chance is decided by the seed, so a run can
/// be repeated exactly.
///
///     simulation machine({.seed = 7, .faults = {.short_transfer = 100}});
///     loop& server = **machine.add_loop();
///     loop& client = **machine.add_loop();
///     machine.spawn(server, serve());
///     machine.spawn(client, ask());
///     EXPECT_EQ(machine.run(1h), simulation::end::done);
///
/// Everything belongs to one thread. What the program under test does must not depend on anything but the machine: no
/// real clock (loop::now(), loop::read_clock()), no addresses as order, no other threads. Descriptors of the program
/// can't be adopted. The network has the addresses of the loopback (127.0.0.0/8, ::1) and Unix sockets; a directory
/// exists unless a file is in its place.
class simulation {
  public:
    explicit simulation(simulation_options options = {});
    /// Cancels what goes on, lets it end (faults and mutant are off by then), and ends the loops. What does not end
    /// then is named on standard error, and its memory is given up.
    ~simulation();
    simulation(const simulation&) = delete;
    simulation& operator=(const simulation&) = delete;

    /// A loop of this machine; owned by it, at one address. Its backend is ours, whatever the options say.
    /// \return it, or what was wrong with the options.
    std::expected<loop*, setup_error> add_loop(loop_options options = {});

    /// Starts `work` on a loop when run() is called, or if it has been, with the loop's next turn. What it runs under
    /// is cancelled by loop::request_stop() on that loop. An exception that leaves it ends run(), which rethrows it.
    void spawn(loop& on, task<> work);

    enum class end : std::uint8_t {
        done,        ///< every spawned task has ended, and nothing is left to be done at this moment
        stuck,       ///< some have not, and nothing can ever happen any more: a wake-up was lost, or a deadlock
        time_limit,  ///< some have not at the end of the time they were given
    };
    /// Lets the loops take turns, in an order that the seed decides, for at most `limit` of virtual time from now. May
    /// be called again.
    end run(duration limit);

    /// Virtual time, which begins at the same moment in every simulation.
    time_point now() const;

    /// Has `event` called at that time, between two turns, in the order of their times: an operator's hand, a cable
    /// that breaks. It may use this machine and loop::post(); it is not inside of a loop.
    void schedule(time_point at, std::function<void()> event);

    /// Sends a signal to the program: reaches one of those who watch_signals(), or stays pending. The signal need not
    /// be blocked, since it is none of the process.
    void raise(int signal);

    /// Puts a file there or replaces what it holds.
    void write_file(std::string_view path, std::string_view content);
    /// What a file holds; nothing if there is none.
    std::optional<std::string> read_file(std::string_view path) const;

    /// Of every submission, completion, cancel, fault, arrival and step of time so far: equal for equal runs.
    std::uint64_t trace_hash() const;
    /// The same as text, a line each (simulation_options::keep_trace): nanoseconds since the beginning, the loop, what
    /// happened.
    const std::string& trace() const;
    const simulation_statistics& statistics() const;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

/// For messages: "done", "stuck", "time_limit".
std::string_view to_string(simulation::end e) noexcept;

}  // namespace penstock

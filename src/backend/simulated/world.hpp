// The simulated machine: one time, one network, one disk, and the loops (their backends) that live on it.
#pragma once

#include "backend/backend.hpp"
#include "backend/simulated/dice.hpp"
#include "backend/simulated/disk.hpp"
#include "backend/simulated/fault.hpp"
#include "backend/simulated/futex_queue.hpp"
#include "backend/simulated/handle_table.hpp"
#include "backend/simulated/message_network.hpp"
#include "backend/simulated/network.hpp"
#include "backend/simulated/signal_inbox.hpp"
#include "backend/simulated/trace.hpp"
#include <penstock/simulation_options.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace penstock::detail {

/// One thread's. Kept alive by its backends.
class simulated_world : public std::enable_shared_from_this<simulated_world> {
  public:
    explicit simulated_world(const simulation_options& options);
    simulated_world(const simulated_world&) = delete;
    simulated_world& operator=(const simulated_world&) = delete;

    const simulation_options& options() const noexcept { return options_; }
    simulation_statistics& figures() noexcept { return figures_; }
    const simulation_statistics& up_to_date_figures() noexcept;

    // --- Time

    time_point now() const noexcept { return now_; }
    /// Since the beginning.
    duration age() const noexcept { return now_ - beginning; }
    /// Has it happen then; what is due at the same time happens in the order of these calls.
    void at(time_point when, std::move_only_function<void()> what);
    /// After a while; at once if that is none.
    void in(duration delay, std::move_only_function<void()> what);
    /// Of the next event, or `never`.
    time_point next_event() const noexcept { return events_.empty() ? never : events_.front().when; }
    /// Goes on to `then`, if that is later, through the events on the way.
    void advance_to(time_point then);

    /// Goes on by what a turn costs. Where somebody drives the loops, events wait for the end of the turn.
    void spend(duration cost);

    /// How long what takes time takes this time.
    duration latency() noexcept;
    bool takes_no_time() const noexcept;

    // --- Chance

    dice& chance() noexcept { return dice_; }
    /// Whether that goes wrong now; noted if so.
    bool strikes(const fault& kind) noexcept;
    bool mutates(simulation_mutant kind) noexcept;
    /// From now on nothing goes wrong any more, and mutants make good what they have done.
    void behave() noexcept;
    bool behaves() const noexcept { return behaves_; }

    // --- What there is

    handle_table& handles() noexcept { return handles_; }
    /// -EMFILE if there is no number left for another one, or so it is to seem.
    std::int32_t refuses_another() noexcept;
    std::int32_t open(std::shared_ptr<resource> what);
    simulated_network& network() noexcept { return network_; }
    message_network& messages() noexcept { return messages_; }
    class disk& disk() noexcept { return disk_; }
    signal_box& signals() noexcept { return signals_; }
    futex_queue& sleepers() noexcept { return sleepers_; }

    // --- The loops

    void add(simulated_backend& member) { members_.push_back(&member); }
    void remove(const simulated_backend& member) noexcept { std::erase(members_, &member); }
    bool has(const simulated_backend& member) const noexcept;
    std::uint32_t next_member() noexcept { return ++last_member_; }
    /// Somebody else, who knows all the loops, decides when time goes on. Until then each loop's wait does.
    bool is_driven() const noexcept { return driven_; }
    void set_driven(bool by_somebody) noexcept { driven_ = by_somebody; }

    trace& record() noexcept { return trace_; }
    std::uint64_t next_number() noexcept { return ++figures_.operations; }

    static constexpr time_point beginning{std::chrono::hours(24)};

  private:
    struct event {
        time_point when;
        std::uint64_t order;
        std::move_only_function<void()> what;
    };
    static bool is_later(const event& a, const event& b) noexcept {
        return a.when != b.when ? a.when > b.when : a.order > b.order;
    }

    simulation_options options_;
    simulation_statistics figures_;
    dice dice_;
    trace trace_;
    time_point now_ = beginning;
    std::vector<event> events_;  // a heap, the next first
    std::uint64_t scheduled_ = 0;
    bool driven_ = false;
    bool behaves_ = false;
    std::uint32_t last_member_ = 0;
    std::vector<simulated_backend*> members_;
    simulated_network network_{*this};
    message_network messages_{*this};
    class disk disk_;
    signal_box signals_;
    futex_queue sleepers_;
    handle_table handles_;  // after what those in it belong to
};

}  // namespace penstock::detail

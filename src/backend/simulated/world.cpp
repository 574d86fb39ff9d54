#include "backend/simulated/world.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::detail {
namespace {

constexpr duration longest_delay = std::chrono::milliseconds(200);

simulation_options sane(simulation_options o) noexcept {
    o.turn_cost = std::max(o.turn_cost, duration(1));
    o.item_cost = std::clamp(o.item_cost, duration{}, duration(std::chrono::seconds(1)));
    o.least_delay = std::max(o.least_delay, duration{});
    o.most_delay = std::max(o.most_delay, o.least_delay);
    o.socket_buffer = std::clamp(o.socket_buffer, 1U, 1U << 30);
    o.most_descriptors = std::clamp(o.most_descriptors, 1U, 1U << 24);
    return o;
}

}  // namespace

simulated_world::simulated_world(const simulation_options& options)
    : options_(sane(options)),
      dice_(options.seed),
      trace_(options.keep_trace, options.trace_limit),
      disk_(*this),
      handles_(options_.most_descriptors) {}

const simulation_statistics& simulated_world::up_to_date_figures() noexcept {
    figures_.open_descriptors = handles_.open();
    figures_.connections = network_.connections();
    return figures_;
}

// --- Time --------------------------------------------------------------------------------------------------------

void simulated_world::at(time_point when, std::move_only_function<void()> what) {
    events_.push_back({std::max(when, now_), ++scheduled_, std::move(what)});
    std::ranges::push_heap(events_, is_later);
}

void simulated_world::in(duration delay, std::move_only_function<void()> what) {
    if (delay == duration{}) {
        what();
    } else {
        at(later(now_, delay), std::move(what));
    }
}

void simulated_world::advance_to(time_point then) {
    while (next_event() <= std::max(then, now_)) {
        std::ranges::pop_heap(events_, is_later);
        event next = std::move(events_.back());
        events_.pop_back();
        now_ = std::max(now_, next.when);
        ++figures_.events;
        trace::line(trace_) << age().count() << " event " << static_cast<std::int64_t>(next.order);
        next.what();
    }
    now_ = std::max(now_, then);
}

void simulated_world::spend(duration cost) {
    if (driven_) {
        now_ = later(now_, cost);
    } else {
        advance_to(later(now_, cost));
    }
}

duration simulated_world::latency() noexcept {
    const duration usual = dice_.between(options_.least_delay, options_.most_delay);
    return strikes(faults::delay) ? usual + dice_.between(duration{1}, longest_delay) : usual;
}

bool simulated_world::takes_no_time() const noexcept {
    return options_.most_delay == duration{} && (options_.faults.delay == 0 || behaves_);
}

// --- Chance ------------------------------------------------------------------------------------------------------

bool simulated_world::strikes(const fault& kind) noexcept {
    const unsigned of_thousand = options_.faults.*kind.of;
    if (of_thousand == 0 || behaves_ || dice_.below(1000) >= of_thousand) return false;
    ++(figures_.injected.*kind.of);
    trace::line(trace_) << age().count() << " fault " << kind.name;
    return true;
}

bool simulated_world::mutates(simulation_mutant kind) noexcept {
    if (options_.mutant != kind || behaves_ || dice_.below(1000) >= options_.mutant_chance) return false;
    ++figures_.mutations;
    trace::line(trace_) << age().count() << " mutant";
    return true;
}

void simulated_world::behave() noexcept { behaves_ = true; }

bool simulated_world::has(const simulated_backend& member) const noexcept {
    return std::ranges::find(members_, &member) != members_.end();
}

// --- What there is -----------------------------------------------------------------------------------------------

std::int32_t simulated_world::refuses_another() noexcept {
    if (strikes(faults::too_many_files)) return -EMFILE;
    if (!handles_.full()) return 0;
    ++figures_.descriptors_short;
    return -EMFILE;
}

std::int32_t simulated_world::open(std::shared_ptr<resource> what) {
    const handle made = handles_.add(std::move(what));
    figures_.most_descriptors = std::max(figures_.most_descriptors, handles_.open());
    return made.id;
}

}  // namespace penstock::detail

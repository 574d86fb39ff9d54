#include <penstock/simulation.hpp>

#include "backend/simulated/simulated_backend.hpp"
#include "base/check.hpp"
#include "runtime/loop_core.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <list>
#include <utility>
#include <vector>

namespace penstock {
namespace {

/// A loop, and what its tasks run under.
struct member {
    std::unique_ptr<loop> engine;
    detail::simulated_backend* backend = nullptr;
    detail::cancel_state cancel;
    bool ended = false;  // all of the simulation's tasks have, for good

    detail::loop_core& core() const noexcept { return engine->core(); }
    bool has_work(time_point now) const noexcept { return core().has_work(*engine, now) || backend->has_work(); }
    void turn() const noexcept {
        const detail::make_current current(engine.get());
        core().check_process();
        core().turn(*engine);
    }
};

/// A task of spawn().
struct root : detail::task_owner {
    root(task<> given, member& on, bool& tell) noexcept : work(std::move(given)), home(on), any_over(tell) {
        done = [](task_owner& self, detail::promise_base&) noexcept {
            static_cast<root&>(self).over = static_cast<root&>(self).any_over = true;
        };
    }
    task<> work;
    member& home;
    bool over = false;
    bool& any_over;
};

constexpr duration patience_at_end = std::chrono::minutes(10);  // virtual
constexpr duration longest_lateness = std::chrono::milliseconds(10);

}  // namespace

struct simulation::state {
    explicit state(const simulation_options& options) : world(std::make_shared<detail::simulated_world>(options)) {
        world->set_driven(true);
    }

    end run(time_point until);
    bool take_a_turn();
    void start(root& r);
    void reap();
    time_point next_moment() const noexcept;
    void end_everything();
    member& find(const loop& l) noexcept;

    std::shared_ptr<detail::simulated_world> world;
    std::vector<std::unique_ptr<member>> members;
    std::vector<member*> ready;  // of one turn
    std::list<root> roots;
    std::exception_ptr thrown;  // the first
    bool running = false;
    bool any_over = false;
};

// --- Setting up --------------------------------------------------------------------------------------------------

simulation::simulation(simulation_options options) : state_(std::make_unique<state>(options)) {}

std::expected<loop*, setup_error> simulation::add_loop(loop_options options) {
    options.backend = "simulated";
    options.bounds.world = state_->world.get();
    auto made = loop::create(std::move(options));
    if (!made) return std::unexpected(std::move(made.error()));
    auto m = std::make_unique<member>();
    m->engine = std::move(*made);
    m->backend = static_cast<detail::simulated_backend*>(m->core().mechanism.get());
    m->core().begin(m->cancel, m->ended);
    state_->members.push_back(std::move(m));
    return state_->members.back()->engine.get();
}

member& simulation::state::find(const loop& l) noexcept {
    const auto at = std::ranges::find_if(members, [&](const auto& m) { return m->engine.get() == &l; });
    PENSTOCK_CHECK(at != members.end(), "simulation::spawn() was given a loop of another simulation, or of none");
    return **at;
}

void simulation::spawn(loop& on, task<> work) {
    root& added = state_->roots.emplace_back(std::move(work), state_->find(on), state_->any_over);
    if (state_->running) state_->start(added);
}

void simulation::state::start(root& r) {
    detail::promise_base& promise = r.work.prepare(r.home.cancel, r);
    r.home.core().done.ready().push(promise);
}

// --- Running -----------------------------------------------------------------------------------------------------

simulation::end simulation::run(duration limit) {
    if (!std::exchange(state_->running, true)) {
        for (root& each : state_->roots) state_->start(each);
    }
    const end how = state_->run(detail::later(now(), limit));
    if (state_->thrown) std::rethrow_exception(std::exchange(state_->thrown, nullptr));
    return how;
}

simulation::end simulation::state::run(time_point until) {
    for (;;) {
        reap();
        if (thrown) return end::done;
        world->advance_to(world->now());  // what came due while a turn lasted
        if (world->now() >= until) return roots.empty() ? end::done : end::time_limit;
        if (take_a_turn()) continue;
        if (roots.empty()) return end::done;
        time_point next = next_moment();
        if (next == never) return end::stuck;
        if (world->strikes(detail::faults::delay)) {
            next = detail::later(next, world->chance().between(duration{1}, longest_lateness));
        }
        world->advance_to(std::min(next, until));
    }
}

// One turn of one of those that have something to do; now and then of one that has not.
bool simulation::state::take_a_turn() {
    ready.clear();
    for (const auto& m : members) {
        if (m->has_work(world->now())) ready.push_back(m.get());
    }
    if (ready.empty()) return false;
    const member* const next = world->strikes(detail::faults::interrupted)
                                   ? members[world->chance().below(members.size())].get()
                                   : ready[world->chance().below(ready.size())];
    next->turn();
    return true;
}

time_point simulation::state::next_moment() const noexcept {
    time_point next = world->next_event();
    for (const auto& m : members) next = std::min(next, detail::loop_core::next_timer(*m->engine));
    return next;
}

void simulation::state::reap() {
    if (!std::exchange(any_over, false)) return;
    for (auto each = roots.begin(); each != roots.end();) {
        if (!each->over) {
            ++each;
            continue;
        }
        try {
            each->work.take_result();
        } catch (...) {
            if (!thrown) thrown = std::current_exception();
        }
        each = roots.erase(each);
    }
}

// --- Ending ------------------------------------------------------------------------------------------------------

simulation::~simulation() {
    state_->end_everything();
    if (state_->roots.empty()) return;
    std::fprintf(stderr,
                 "penstock: %zu tasks of a simulation did not end when they were cancelled; their memory is lost\n",
                 state_->roots.size());
    static_cast<void>(state_.release());
}

void simulation::state::end_everything() {
    world->behave();
    if (!running) roots.clear();
    for (const auto& m : members) {
        const detail::make_current current(m->engine.get());
        m->cancel.request();
    }
    static_cast<void>(run(detail::later(world->now(), patience_at_end)));
    if (!roots.empty()) return;
    world->set_driven(false);  // from here on each loop sees to its own end
    for (const auto& m : members) m->core().leave();
    members.clear();
}

// --- The rest of the machine -------------------------------------------------------------------------------------

time_point simulation::now() const { return state_->world->now(); }

void simulation::schedule(time_point at, std::function<void()> event) {
    state_->world->at(at, [world = state_->world.get(), what = std::move(event)] {
        if (!world->behaves()) what();  // at the end, what it refers to may be gone
    });
}

void simulation::raise(int signal) { state_->world->signals().raise(signal); }

void simulation::write_file(std::string_view path, std::string_view content) {
    state_->world->disk().write(path, content);
}

std::optional<std::string> simulation::read_file(std::string_view path) const {
    return state_->world->disk().read(path);
}

std::uint64_t simulation::trace_hash() const { return state_->world->record().hash(); }
const std::string& simulation::trace() const { return state_->world->record().text(); }
const simulation_statistics& simulation::statistics() const { return state_->world->up_to_date_figures(); }

std::string_view to_string(simulation::end e) noexcept {
    switch (e) {
        case simulation::end::done: return "done";
        case simulation::end::stuck: return "stuck";
        case simulation::end::time_limit: return "time_limit";
    }
    return "?";
}

}  // namespace penstock

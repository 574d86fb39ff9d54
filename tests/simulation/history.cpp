#include "simulation/history.hpp"

#include "listener/gate.hpp"
#include "simulation/client.hpp"
#include "simulation/describe.hpp"
#include "simulation/origin.hpp"
#include "simulation/pings.hpp"
#include "simulation/world.hpp"
#include <penstock/scope.hpp>
#include <penstock/simulation.hpp>
#include <penstock/sleep.hpp>

#include <signal.h>  // NOLINT(modernize-deprecated-headers): the numbers of signals are POSIX's

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace simulated {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr duration longest = 12h;  // of virtual time, in which nothing that is alive does nothing
constexpr duration most_of_opening = 1min;
constexpr duration most_of_an_end = 5s;  // from the gate's last close until its origins have heard of it

/// The order of members is that of their ends, from the last: the machine ends whatever has not ended by itself.
class history {
  public:
    explicit history(const history_options& options);
    history_report play();

  private:
    void add_loops();
    simulation::end run_machine();
    task<> run_gate(std::size_t i);
    task<> conduct();
    task<> await(const bool& happened);
    void raise_signal();
    bool gates_ended() const noexcept { return gates_ended_ == gate_loops_.size(); }
    task<> end_gate();
    task<> end_origins();
    std::size_t connections_of_origins() const noexcept;
    void look_for_leaks();
    void look_at_log();
    loop* add_loop(const loop_options& how);

    const history_plan plan_;
    world world_;
    std::vector<std::unique_ptr<origin>> origins_;
    std::unique_ptr<tinygate::gate> gate_;
    pings pings_;
    std::size_t gates_open_ = 0;
    std::size_t gates_ended_ = 0;
    bool refused_ = false;  // the gate could not be opened
    simulation machine_;
    const time_point begin_;
    std::vector<loop*> gate_loops_;
    loop* client_loop_ = nullptr;
    loop* origin_loop_ = nullptr;
    std::vector<loop*> all_;
};

simulation_options machine_of(const history_plan& plan, const history_options& options) {
    simulation_options machine = plan.machine;
    machine.mutant = options.mutant;
    machine.mutant_chance = 2;  // rare, as real ones are
    machine.keep_trace = options.keep_trace;
    return machine;
}

history::history(const history_options& options)
    : plan_(plan_of(options.seed)), world_(plan_), machine_(machine_of(plan_, options)), begin_(machine_.now()) {
    world_.machine = &machine_;
    world_.begin = begin_;
    add_loops();
}

loop* history::add_loop(const loop_options& how) {
    const auto added = machine_.add_loop(how);
    if (!added) {
        world_.violate("no loop: {}", added.error().message);
        return nullptr;
    }
    all_.push_back(*added);
    return *added;
}

void history::add_loops() {
    for (std::size_t i = 0; i < plan_.gate_loops; ++i) gate_loops_.push_back(add_loop(plan_.loop));
    client_loop_ = add_loop({.buffers = {.buffer_size = 4096, .count = 256}});
    origin_loop_ = add_loop({.buffers = {.buffer_size = 4096, .count = 512}});
}

// --- The gate --------------------------------------------------------------------------------------------------------

task<> history::run_gate(std::size_t i) {
    const auto others_open = [&] { return gates_open_ == i && world_.origins_listening == plan_.origins; };
    bool waits = true;  // until it is cancelled
    while (waits && !refused_ && !others_open()) waits = (co_await sleep_for(1ms)).has_value();
    if (!refused_) {
        const auto opened = co_await gate_->open(i);
        if (opened) {
            ++gates_open_;
        } else {
            refused_ = true;
            if (!plan_.harsh) world_.violate("the gate could not be opened: {}", opened.error().message);
        }
    }
    while (waits && !refused_ && gates_open_ != gate_loops_.size()) waits = (co_await sleep_for(1ms)).has_value();
    if (refused_) {
        gate_->close(i);
    } else {
        const auto served = co_await gate_->serve(i);
        if (!served) {  // the process would end all of it
            if (!plan_.harsh) world_.violate("the gate has ended: {}", served.error().message());
            for (loop* const l : gate_loops_) l->request_stop();
        }
    }
    ++gates_ended_;
}

// --- The course of events --------------------------------------------------------------------------------------------

/// The first begins the drain, the second cuts it short, also where the clients were gone before the planned first.
void history::raise_signal() {
    time_point& when = world_.drain_began == never ? world_.drain_began : world_.cut_began;
    if (when == never) when = machine_.now();
    machine_.raise(SIGTERM);
}

/// On the loop of the clients, who are the first to come and whose going ends it all.
task<> history::conduct() {
    const time_point late = current_loop->now() + most_of_opening;
    bool waits = true;
    while (waits && !refused_ && gates_open_ != gate_loops_.size()) {
        if (current_loop->now() > late) world_.violate("the gate has not been opened within a minute");
        waits = (co_await sleep_for(1ms)).has_value();
    }
    if (!refused_) {
        world_.gate = gate_->addresses().front();
        if (plan_.drain_at > duration{0}) {
            const time_point first = machine_.now() + plan_.drain_at;
            machine_.schedule(first, [this] { raise_signal(); });
            if (plan_.second_signal_after > duration{0}) {
                machine_.schedule(first + plan_.second_signal_after, [this] { raise_signal(); });
            }
        }
        pings_.begin(machine_, all_, plan_.seed);
        co_await with_scope([&](scope& clients) -> task<> {
            for (const client_plan& c : plan_.clients) clients.spawn(run_client(world_, c));
            co_await clients.join();
        });
    }
    co_await end_gate();
    co_await end_origins();
}

task<> history::end_gate() {
    if (!refused_ && world_.drain_began == never) raise_signal();
    const auto& t = plan_.gate.timeouts;
    // Sessions that are cut short may still say so, and then wait for the client to have heard it.
    const duration most = std::max(t.drain, t.idle_grace) + 3 * t.idle_grace + 5s;
    const time_point late = current_loop->now() + most;  // all clients have gone, and the drain has begun
    bool waits = true;
    while (waits && !gates_ended() && current_loop->now() < late) waits = (co_await sleep_for(5ms)).has_value();
    if (!gates_ended()) world_.violate("the gate's drain has not ended after {} ms", most / 1ms);
    while (waits && !gates_ended()) waits = (co_await sleep_for(1s)).has_value();
}

/// Their connections are the gate's, which has ended.
task<> history::end_origins() {
    const time_point late = current_loop->now() + most_of_an_end + 80s;
    bool waits = true;
    while (waits && connections_of_origins() != 0 && current_loop->now() < late) {
        waits = (co_await sleep_for(5ms)).has_value();
    }
    if (connections_of_origins() != 0) {
        world_.violate("{} connections to origins are open although the gate has ended", connections_of_origins());
    }
    for (const auto& o : origins_) {
        if (!origin_loop_->post([&o] { o->stop(); })) world_.violate("a loop refused what was posted to it");
    }
}

std::size_t history::connections_of_origins() const noexcept {
    std::size_t open = 0;
    for (const auto& o : origins_) open += o->open_connections();
    return open;
}

// --- What is left ----------------------------------------------------------------------------------------------------

void history::look_for_leaks() {
    std::size_t pipes = 0;
    for (std::size_t i = 0; i < all_.size(); ++i) {
        const loop_statistics s = all_[i]->statistics();
        const auto expect_none = [&](std::size_t left, std::string_view of_what) {
            if (left != 0) world_.violate("loop {}: {} {} left at the end", i, left, of_what);
        };
        expect_none(s.in_flight, "operations");
        expect_none(s.waiting_for_space, "operations without space");
        expect_none(s.records, "records");
        expect_none(s.timers, "timers");
        expect_none(s.frames.in_use, "frames");
        expect_none(s.buffers.in_use, "buffers");
        pipes += s.transfer_pipes;
    }
    const std::size_t open = machine_.statistics().open_descriptors;
    if (open != 2 * pipes) world_.violate("{} descriptors are open at the end, and {} pipes", open, pipes);
}

/// Whole lines, and no fewer than answers, unless some were dropped on purpose or for want of a disk. Where the disk
/// takes only a part of what it is given, which a real one does only when it is full, the workers' lines mix.
void history::look_at_log() {
    const bool mixes = plan_.machine.faults.short_transfer != 0 && plan_.gate_loops > 1;
    if (plan_.gate.access_log.empty() || mixes) return;
    const std::string text = machine_.read_file(plan_.gate.access_log).value_or("");
    std::size_t lines = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line(text.data() + at, end - at);
        const bool whole = line.starts_with(R"({"time":"2026-01-0)") && line.ends_with('}') && end != text.size();
        if (!whole && !plan_.harsh) world_.violate("a broken line in the access log: {}", line.substr(0, 200));
        ++lines;
        at = end + 1;
    }
    const bool drops = plan_.harsh || plan_.gate.bounds.access_log < 100'000;
    std::size_t answered = 0;
    for (const request_record& r : world_.records) answered += r.complete ? 1 : 0;
    if (!drops && lines < answered) world_.violate("{} lines in the access log of {} answers", lines, answered);
}

/// Until everything has ended, or something is known not to be as it must.
simulation::end history::run_machine() {
    simulation::end ended = simulation::end::time_limit;
    for (duration gone{0}; gone < longest && ended == simulation::end::time_limit; gone += 1min) {
        if (!world_.violations.empty()) return ended;
        ended = machine_.run(1min);
    }
    if (ended != simulation::end::done) world_.violate("not everything has ended: {}", to_string(ended));
    return ended;
}

history_report history::play() {
    tinygate::options asked = plan_.gate;
    for (std::size_t i = 0; i < plan_.origins + plan_.dead_origins; ++i) asked.to.push_back(address_of_origin(i));
    const tinygate::wall_time new_year = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
    gate_ = std::make_unique<tinygate::gate>(
        asked,
        tinygate::environment{.wall_time_at =
                                  [this, new_year](time_point when) {
                                      return new_year +
                                             std::chrono::duration_cast<tinygate::wall_time::duration>(when - begin_);
                                  },
                              .say = [](std::string_view) {},
                              .complain = [](std::string_view) {}},
        gate_loops_);
    for (std::size_t i = 0; i < plan_.origins; ++i) {
        origins_.push_back(std::make_unique<origin>(world_, i));
        machine_.spawn(*origin_loop_, origins_.back()->serve());
    }
    for (std::size_t i = 0; i < gate_loops_.size(); ++i) machine_.spawn(*gate_loops_[i], run_gate(i));
    machine_.spawn(*client_loop_, conduct());

    const simulation::end ended = run_machine();
    history_report report;
    report.requests = judge_requests(world_);
    if (ended == simulation::end::done) {
        look_for_leaks();
        look_at_log();
        pings_.look(world_);
    }
    report.violations = std::move(world_.violations);
    report.machine = machine_.statistics();
    report.trace_hash = machine_.trace_hash();
    report.trace = machine_.trace();
    report.description = describe(world_);
    // What goes on may go on in the machine's end, or never end at all; the gate may not be missing then.
    if (ended != simulation::end::done) static_cast<void>(gate_.release());
    return report;
}

}  // namespace

history_report play(const history_options& options) {
    history one(options);
    return one.play();
}

}  // namespace simulated

#include "backend/simulated/simulated_backend.hpp"

#include "backend/default_capabilities.hpp"
#include "backend/segmentation.hpp"
#include "backend/simulated/simulated.hpp"
#include "backend/zero_copy.hpp"
#include "base/worker_pool.hpp"
#include "op/call.hpp"

#include <algorithm>
#include <cerrno>

namespace penstock::detail {
namespace {

capability_table simulated_capabilities(const backend_options& options) {
    capability_table table;
    table.of.fill({support::native, cancellation::prompt, ""});
    table[op_kind::adopt] = {support::unsupported, cancellation::prompt,
                             "descriptors of the program do not exist in the simulation"};
    table[op_kind::tick] = {support::emulated, cancellation::prompt, "by the loop's timers"};
    table.own_world = true;
    apply_denied(table, options);
    return table;
}

}  // namespace

simulated_backend::simulated_backend(const backend_environment& environment, std::shared_ptr<simulated_world> in)
    : world_(std::move(in)),
      buffers_(environment.buffers),
      capabilities_(simulated_capabilities(environment.options)),
      most_jobs_(environment.workers.most_queued()),
      number_(world_->next_member()) {
    world_->add(*this);
}

simulated_backend::~simulated_backend() {
    world_->remove(*this);
    while (jobs_.pop_front() != nullptr) {
    }
}

backend_statistics simulated_backend::statistics() const noexcept {
    return {.enters = enters_, .parked = parked_count_, .offloaded = slow_};
}

std::vector<feature_report> simulated_backend::features() const {
    return {{segment_feature, true, "net::datagram_socket::send_segments(), in memory"},
            {join_feature, false, "this machine joins none: datagrams come one by one"},
            {zero_copy_feature, false, "its network is memory, into which all is copied"}};
}

void simulated_backend::note(const operation& op, std::string_view what) noexcept {
    trace::line(world_->record()) << world_->age().count() << ' ' << number_ << ' ' << what << ' ' << to_string(op.kind)
                                  << " #" << static_cast<std::int64_t>(op.scratch[0]);
}

void simulated_backend::note(const operation& op, std::string_view what, std::int32_t result) noexcept {
    trace::line(world_->record()) << world_->age().count() << ' ' << number_ << ' ' << what << ' ' << to_string(op.kind)
                                  << " #" << static_cast<std::int64_t>(op.scratch[0]) << " = " << result;
}

// --- Submitting --------------------------------------------------------------------------------------------------

waiting_operation* simulated_backend::slot_of(const operation& op) noexcept {
    const wait_side on = waits_on(op);
    if (on != wait_side::read && on != wait_side::write) return nullptr;
    const auto& what = world_->handles().find(wait_handle(op));
    return what == nullptr ? nullptr : &what->at(on == wait_side::read ? side::read : side::write);
}

submitted simulated_backend::submit(operation& op) noexcept {
    op.backend_flags = 0;
    if (capabilities_[op.kind].support == support::unsupported) {
        op.result = -EOPNOTSUPP;
        return submitted::completed;
    }
    if (world_->strikes(faults::again)) return submitted::busy;
    op.scratch[0] = world_->next_number();
    switch (waits_on(op)) {
        case wait_side::time:
        case wait_side::none: break;
        case wait_side::file: return submit_slow(op);
        case wait_side::wake_up: return submit_sleeping(as<futex_wait_op>(op));
        case wait_side::read:
        case wait_side::write: return submit_waiting(op);
    }
    if (op.kind == op_kind::nop) {
        settle(op, once_more);
        note(op, "submit");
        return submitted::queued;
    }
    op.result = carry_out(op);
    note(op, "call", op.result);
    return submitted::completed;
}

// What can be done at once sometimes is and sometimes is not: callers must be right either way.
submitted simulated_backend::submit_waiting(operation& op) noexcept {
    waiting_operation* const slot = slot_of(op);
    if (slot == nullptr || slot->op != nullptr) {
        op.result = slot == nullptr ? -EBADF : -EBUSY;
        note(op, "call", op.result);
        return submitted::completed;
    }
    *slot = {.op = &op, .by = this};
    set_place(op, attempting);
    const std::int32_t outcome = world_->chance().coin() ? carry_out(op) : once_more;
    if (!settle(op, outcome)) {
        note(op, "submit");
        return submitted::queued;
    }
    *slot = {};
    op.result = outcome;
    note(op, "call", outcome);
    return submitted::completed;
}

submitted simulated_backend::submit_slow(operation& op) noexcept {
    note(op, "submit");
    ++slow_;
    const duration time = world_->latency();
    if (time == duration{}) {
        settle(op, once_more);
        return submitted::queued;
    }
    set_place(op, taking_time);
    taking_time_.push_back(op);
    world_->in(time, [world = world_.get(), by = this, number = op.scratch[0]] {
        if (world->has(*by)) by->on_time_over(number);
    });
    return submitted::queued;
}

submitted simulated_backend::submit_sleeping(futex_wait_op& op) noexcept {
    if (op.word->load(std::memory_order_acquire) != op.expected) {
        op.result = 0;
        note(op, "call", op.result);
        return submitted::completed;
    }
    set_place(op, waiting);
    world_->sleepers().add(op, *this);
    note(op, "submit");
    return submitted::queued;
}

bool simulated_backend::settle(operation& op, std::int32_t outcome) noexcept {
    switch (outcome) {
        case -EAGAIN: set_place(op, waiting); return false;
        case once_more:
            set_place(op, due);
            due_.push_back(op);
            return false;
        case -ENOBUFS:
            set_place(op, parked);
            ++parked_count_;
            parked_[as<receive_op>(op).credit.buffer_class].push_back(op);
            return false;
        default: return true;
    }
}

// --- Waiting -----------------------------------------------------------------------------------------------------

bool simulated_backend::on_ready(operation& op) noexcept {
    if (place_of(op) != waiting || world_->mutates(simulation_mutant::lost_wake_up)) return false;
    settle(op, once_more);
    return true;
}

void simulated_backend::on_time_over(std::uint64_t number) noexcept {
    for (operation* op = taking_time_.front(); op != nullptr; op = taking_time_.next(*op)) {
        if (op->scratch[0] != number) continue;
        op->unlink();
        settle(*op, once_more);
        return;
    }
}

bool simulated_backend::can_unpark() const noexcept {
    for (unsigned c = 0; c < most_buffer_classes; ++c) {
        if (!parked_[c].empty() && buffers_.available(c) != 0) return true;
    }
    return false;
}

bool simulated_backend::has_work() const noexcept {
    return !due_.empty() || can_unpark() || woken_.load(std::memory_order_relaxed) ||
           (world_->behaves() && !made_good_);
}

void simulated_backend::wait(time_point, time_point deadline, completions& out) noexcept {
    ++enters_;
    ++world_->figures().turns;
    world_->spend(world_->options().turn_cost);
    const bool was_woken = woken_.exchange(false, std::memory_order_acquire);
    collect(out);
    if (world_->is_driven() || was_woken) return;
    while (out.empty() && due_.empty() && world_->now() < deadline) {
        if (woken_.exchange(false, std::memory_order_acquire) || world_->strikes(faults::interrupted)) return;
        const time_point next = std::min(world_->next_event(), deadline);
        if (next == never) {
            woken_.wait(false, std::memory_order_acquire);  // nothing can happen here: only another thread can help
        } else {
            world_->advance_to(next);
            collect(out);
        }
    }
}

void simulated_backend::spend(std::uint64_t items) noexcept {
    world_->spend(static_cast<duration::rep>(items) * world_->options().item_cost);
}

void simulated_backend::wake() noexcept {
    woken_.store(true, std::memory_order_release);
    woken_.notify_one();
}

void simulated_backend::collect(completions& out) noexcept {
    if (world_->behaves() && !made_good_) make_good(out);
    for (unsigned c = 0; c < most_buffer_classes; ++c) {
        if (buffers_.available(c) == 0) continue;
        while (operation* const op = parked_[c].pop_front()) settle(*op, once_more);
    }
    batch_.clear();
    while (operation* const op = due_.pop_front()) batch_.push_back(op);
    if (batch_.size() > 1 && world_->strikes(faults::reorder)) {
        for (std::size_t i = batch_.size() - 1; i > 0; --i) {
            std::swap(batch_[i], batch_[world_->chance().below(i + 1)]);
        }
    }
    for (operation* const op : batch_) attempt(*op, out);
}

void simulated_backend::attempt(operation& op, completions& out) noexcept {
    set_place(op, attempting);
    const bool interrupted = world_->strikes(faults::interrupted);
    std::int32_t outcome = 0;
    if (interrupted || world_->strikes(faults::again)) {
        // The kernel's accept may end so; everything else is asked again.
        const bool told = op.kind == op_kind::accept && world_->chance().coin();
        outcome = !told ? once_more : interrupted ? -EINTR : -EAGAIN;
        if (told) {
            finish(op, outcome, out);
            return;
        }
    } else {
        outcome = carry_out(op);
    }
    if (!settle(op, outcome)) return;
    if (!goes_on(op, outcome)) {
        finish(op, outcome, out);
        return;
    }
    settle(op, once_more);
    note(op, "deliver", outcome);
    ++world_->figures().completions;
    out.more(op);
}

// Whether a receive or an accept that has brought something brings more, as multishot ones do, or ends with that.
bool simulated_backend::goes_on(const operation& op, std::int32_t outcome) noexcept {
    if (outcome <= 0) return false;
    if (op.kind == op_kind::receive) {
        return !static_cast<const receive_op&>(op).credit.exhausted() && world_->chance().coin();
    }
    if (op.kind == op_kind::accept) {
        return !static_cast<const accept_op&>(op).accepted.full() && world_->chance().coin();
    }
    return false;
}

void simulated_backend::finish(operation& op, std::int32_t result, completions& out) noexcept {
    if (waiting_operation* const slot = slot_of(op); slot != nullptr && slot->op == &op) *slot = {};
    if (waits_on(op) == wait_side::file) --slow_;
    if (op.kind == op_kind::futex_wait) world_->sleepers().remove(op);
    if (world_->mutates(simulation_mutant::dropped_completion)) {
        op.result = result;
        set_place(op, lost);
        lost_.push_back(op);
        return;
    }
    note(op, "finish", result);
    ++world_->figures().completions;
    set_place(op, nowhere);
    out.finish(op, result);
}

// --- Ending ------------------------------------------------------------------------------------------------------

// A cancel may come too late: what could be done by then is, as the dice have it.
void simulated_backend::cancel(operation& op, completions& out) noexcept {
    const place where = place_of(op);
    if (where == nowhere || where == attempting || where == lost) return;
    op.cancel_requested = true;
    ++world_->figures().cancels;
    note(op, "cancel");
    if (world_->mutates(simulation_mutant::swallowed_cancel)) return;
    op.unlink();
    set_place(op, attempting);
    std::int32_t outcome = -ECANCELED;
    if (where != waiting && world_->chance().coin()) outcome = carry_out(op);
    const bool must_wait = outcome == -EAGAIN || outcome == once_more || outcome == -ENOBUFS;
    finish(op, must_wait ? -ECANCELED : outcome, out);
}

// What mutants did is undone, so that what they did it to can end.
void simulated_backend::make_good(completions& out) noexcept {
    made_good_ = true;
    while (operation* const op = lost_.pop_front()) out.finish(*op, op->result);
    for (const std::uint16_t buffer : leaked_) buffers_.put(buffer);
    leaked_.clear();
    std::vector<operation*> mine;
    for (const auto& what : world_->handles().all()) {
        if (what == nullptr) continue;
        for (const side s : {side::read, side::write}) {
            if (what->at(s).by == this) mine.push_back(what->at(s).op);
        }
    }
    for (operation* const op : world_->sleepers().of(*this)) mine.push_back(op);
    for (operation* op = taking_time_.front(); op != nullptr; op = taking_time_.next(*op)) mine.push_back(op);
    for (operation* const op : mine) {
        if (op->cancel_requested) {
            cancel(*op, out);
        } else if (place_of(*op) == waiting) {
            settle(*op, once_more);
        }
    }
}

// --- Jobs --------------------------------------------------------------------------------------------------------

bool simulated_backend::submit_job(job& work) noexcept {
    if (job_count_ == most_jobs_) return false;
    ++job_count_;
    jobs_.push_back(work);
    world_->at(world_->now() + std::max(world_->latency(), duration(1)), [world = world_.get(), by = this] {
        if (world->has(*by)) by->run_a_job();
    });
    return true;
}

bool simulated_backend::withdraw_job(job& work) noexcept {
    if (!work.linked()) return false;
    work.unlink();
    --job_count_;
    return true;
}

void simulated_backend::run_a_job() noexcept {
    job* const next = jobs_.pop_front();
    if (next == nullptr) return;  // withdrawn
    --job_count_;
    trace::line(world_->record()) << world_->age().count() << ' ' << number_ << " job " << next->name;
    next->run(*next);
}

std::expected<std::unique_ptr<backend>, setup_error> create_simulated(const backend_environment& environment) {
    auto world = environment.options.world != nullptr
                     ? environment.options.world->shared_from_this()
                     : std::make_shared<simulated_world>(simulation_options{.seed = environment.options.seed});
    return std::make_unique<simulated_backend>(environment, std::move(world));
}

}  // namespace penstock::detail

#include "backend/offload.hpp"

#include "op/call.hpp"

#include <cerrno>
#include <thread>
#include <utility>

namespace penstock::detail {

// One operation on its way through the pool. A ticket, not the operation, is what workers and the mailbox link, so
// the operation's own links stay the backend's.
struct offload::ticket : job {
    ticket* next = nullptr;
    operation* op = nullptr;
    offload* owner = nullptr;
    std::uint16_t buffer = no_buffer;  // of a read
    std::int32_t result = 0;
};

offload::offload(worker_pool& workers, buffer_pool& buffers, backend& owner, std::uint32_t most)
    : workers_(workers), buffers_(buffers), owner_(owner), tickets_(std::make_unique<ticket[]>(most)) {
    for (std::uint32_t i = 0; i < most; ++i) {
        tickets_[i].run = run;
        tickets_[i].owner = this;
        release(tickets_[i]);
    }
}

offload::~offload() {
    // The last operation may be collected while its worker is still about to wake the loop.
    while (notifying_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

void offload::release(ticket& t) noexcept {
    t.op = nullptr;
    t.buffer = no_buffer;
    t.next = std::exchange(free_, &t);
}

submitted offload::submit(operation& op) noexcept {
    if (!start(op)) return submitted::busy;
    ++under_way_;
    return submitted::queued;
}

void offload::take_over(operation& op) noexcept {
    op.scratch = {0, reinterpret_cast<std::uintptr_t>(this)};
    ++under_way_;
    waiting_.push_back(op);
    start_waiting();
}

// In their order. Whatever holds up the first will end, and with it comes the next collect().
void offload::start_waiting() noexcept {
    while (operation* const op = waiting_.front()) {
        if (!start(*op)) return;
        op->unlink();
    }
}

bool offload::start(operation& op) noexcept {
    if (free_ == nullptr) return false;
    ticket& t = *free_;
    if (op.kind == op_kind::read) {
        t.buffer = buffers_.take(as<receive_op>(op).credit.buffer_class);
        if (t.buffer == no_buffer) return false;
    }
    t.op = &op;
    t.name = to_string(op.kind).data();
    ticket* const following = t.next;
    if (!workers_.submit(t)) {
        if (t.buffer != no_buffer) buffers_.put(std::exchange(t.buffer, no_buffer));
        return false;
    }
    free_ = following;
    op.scratch = {reinterpret_cast<std::uintptr_t>(&t), reinterpret_cast<std::uintptr_t>(this)};
    return true;
}

void offload::run(job& work) noexcept {
    auto& t = static_cast<ticket&>(work);
    operation& op = *t.op;
    do {
        t.result = t.buffer == no_buffer ? call(op, call_mode::blocking)
                                         : call_receive(as<receive_op>(op), t.owner->buffers_.data(t.buffer),
                                                        t.owner->buffers_.size_of(t.buffer), call_mode::blocking);
    } while (t.result == -EINTR);
    // Once pushed, the ticket is the loop's again, so the owner is remembered first.
    offload& owner = *t.owner;
    owner.notifying_.fetch_add(1, std::memory_order_relaxed);
    if (owner.done_.push(t)) owner.owner_.wake();
    owner.notifying_.fetch_sub(1, std::memory_order_release);
}

bool offload::cancel(operation& op, completions& out) noexcept {
    if (op.scratch[0] == 0) {
        op.unlink();
        --under_way_;
        out.finish(op, -ECANCELED);
        return true;
    }
    auto& t = *reinterpret_cast<ticket*>(op.scratch[0]);
    if (!workers_.withdraw(t)) return false;
    if (t.buffer != no_buffer) buffers_.put(t.buffer);
    release(t);
    --under_way_;
    out.finish(op, -ECANCELED);
    return true;
}

void offload::collect(completions& out) noexcept {
    for (ticket* t = done_.take_all(); t != nullptr;) {
        ticket* const following = t->next;
        if (t->buffer != no_buffer) deliver(as<receive_op>(*t->op), buffers_, t->buffer, t->result);
        out.finish(*t->op, t->result);
        release(*t);
        --under_way_;
        t = following;
    }
    start_waiting();
}

}  // namespace penstock::detail

// Chains: entries that the kernel carries out one after the other, and what they open in the ring's own table.
#include "backend/io_uring/uring_backend.hpp"
#include "op/call.hpp"

#include <fcntl.h>

#include <cerrno>

namespace penstock::detail {
namespace {

using seconds = std::chrono::seconds;

// What an entry's length can say; a longer transfer would seem whole when it is not.
constexpr std::size_t most_in_one_entry = 0x7fff'f000;

bool fits_one_entry(const operation& op) noexcept {
    switch (op.kind) {
        case op_kind::read_at:
        case op_kind::write_at: {
            const auto& moving = static_cast<const read_at_op&>(op);
            return moving.count == 1 && moving.slices->size <= most_in_one_entry;
        }
        case op_kind::send: {
            const auto& sending = static_cast<const send_op&>(op);
            return sending.count == 1 && sending.slices->size <= most_in_one_entry;
        }
        // A backlog that is full would put a thread of the kernel's to sleep.
        case op_kind::connect: return static_cast<const connect_op&>(op).address.family() != address_family::unix_path;
        default: return true;
    }
}

/// Whether something may still look at the place in the table when that has become free, and perhaps another's.
bool outlives_its_slot(const linked_operation& l) noexcept {
    if (opens(l.op->kind)) return l.hard;
    if (l.op->kind != op_kind::close || l.opener == nullptr) return false;
    for (const linked_operation* after = l.following; after != nullptr; after = after->following) {
        if (after->opener == l.opener) return true;
    }
    return false;
}

bool has_limit(const linked_operation& l) noexcept { return l.limit > duration::zero(); }

}  // namespace

/// An entry for what is in the ring's own table names its place there.
void uring_backend::name_slot(::io_uring_sqe& sqe, const operation& op) noexcept {
    const std::int32_t slot = direct_table::slot_of(sqe.fd);
    if (op.kind == op_kind::close) {
        sqe.fd = 0;
        sqe.file_index = static_cast<__u32>(slot) + 1;
    } else {
        sqe.fd = slot;
        sqe.flags |= IOSQE_FIXED_FILE;
    }
}

// --- Setting up --------------------------------------------------------------------------------------------

void uring_backend::choose_chains() noexcept {
    for (const op_kind kind : {op_kind::open, op_kind::read_at, op_kind::write_at, op_kind::sync, op_kind::connect,
                               op_kind::send, op_kind::close}) {
        chainable_[static_cast<std::size_t>(kind)] = routes_[static_cast<std::size_t>(kind)] == route::ring;
    }
    for (const op_kind kind : {op_kind::socket, op_kind::shutdown, op_kind::install}) {
        chainable_[static_cast<std::size_t>(kind)] = !lacks_opcode(plan(kind).attempt(*ring_));
    }
    // An entry's descriptor is looked up when its turn has come, and not before the one that opens it has run (5.17).
    const bool looks_up_late = (ring_->raw()->features & IORING_FEAT_LINKED_FILE) != 0;
    if (!looks_up_late || !chainable_[static_cast<std::size_t>(op_kind::close)]) {
        chainable_[static_cast<std::size_t>(op_kind::open)] = false;
        chainable_[static_cast<std::size_t>(op_kind::socket)] = false;
    }
    limits_links_ = can_limit_links(*ring_);
}

// --- Submitting --------------------------------------------------------------------------------------------

bool uring_backend::submit_linked(linked_operation& first) noexcept {
    // Beside a thread that takes the entries it is not known where it has stopped; and files would be opened by whom
    // the process was when the loop was made.
    if (ring_->has_submission_thread()) return false;
    unsigned entries = 0;
    unsigned opened = 0;
    for (const linked_operation* l = &first; l != nullptr; l = l->following) {
        if (!chainable_[static_cast<std::size_t>(l->op->kind)] || !fits_one_entry(*l->op)) return false;
        if (has_limit(*l) && !limits_links_) return false;
        entries += has_limit(*l) ? 2 : 1;
        opened += opens(l->op->kind) ? 1 : 0;
        if (outlives_its_slot(*l)) return false;
    }
    if (opened != 0 && (!direct_.there() || direct_.available() < opened)) return false;
    // They must be taken in one go: the kernel ends a chain where it stops taking entries.
    if (ring_->room() < entries) ring_->submit();
    if (ring_->room() < entries) return false;
    for (linked_operation* l = &first; l != nullptr; l = l->following) enter_linked(*l);
    return true;
}

void uring_backend::enter_linked(linked_operation& l) noexcept {
    operation& op = *l.op;
    op.backend_flags = in_ring;
    op.scratch[link] = reinterpret_cast<std::uintptr_t>(&l);
    op.scratch[notes] = chained;
    l.outstanding = 1;
    if (l.opener != nullptr) set_target(op, direct_table::handle_of(l.opener->slot));

    ::io_uring_sqe& sqe = *ring_->next_sqe();
    prepare(sqe, op, headers_[ring_->index_of(&sqe)]);
    if (opens(op.kind)) {
        l.slot = direct_.take();
        sqe.file_index = static_cast<__u32>(l.slot) + 1;
        // It has no number that could be inherited; and the kernel waits on such a socket without being told not to.
        if (op.kind == op_kind::open) {
            sqe.open_flags &= ~static_cast<__u32>(O_CLOEXEC);
        } else {
            sqe.off &= ~static_cast<__u64>(SOCK_CLOEXEC | SOCK_NONBLOCK);
        }
    } else if (direct_table::is_direct(sqe.fd)) {
        name_slot(sqe, op);
    }
    sqe.user_data = reinterpret_cast<std::uintptr_t>(&op) | for_linked;
    const unsigned flags = l.following == nullptr ? 0U : l.hard ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK;
    sqe.flags |= static_cast<__u8>(flags);
    if (!has_limit(l)) return;

    if (flags == 0) sqe.flags |= IOSQE_IO_LINK;  // to its limit
    static_assert(sizeof l.period == sizeof(::__kernel_timespec));
    const auto whole = std::chrono::duration_cast<seconds>(l.limit);
    l.period = {whole.count(), (l.limit - whole).count()};
    l.outstanding = 2;
    ::io_uring_sqe& limit = *ring_->next_sqe();
    ::io_uring_prep_link_timeout(&limit, reinterpret_cast<::__kernel_timespec*>(l.period.data()), 0);
    limit.user_data = reinterpret_cast<std::uintptr_t>(&op) | for_limit;
    limit.flags |= static_cast<__u8>(flags);
}

// --- Completing --------------------------------------------------------------------------------------------

void uring_backend::complete_linked(operation& op, std::int32_t outcome) noexcept {
    auto& l = *reinterpret_cast<linked_operation*>(op.scratch[link]);
    l.outcome = outcome;
    if (--l.outstanding == 0) end_linked(l);
}

void uring_backend::complete_limit(operation& op, std::int32_t outcome) noexcept {
    auto& l = *reinterpret_cast<linked_operation*>(op.scratch[link]);
    l.expired = outcome == -ETIME;
    if (--l.outstanding == 0) {
        end_linked(l);
    } else if (outcome == -EAGAIN) {
        request_cancel(op);  // it is under way without its limit, so it begins anew
    }
}

void uring_backend::end_linked(linked_operation& l) noexcept {
    operation& op = *l.op;
    std::int32_t outcome = l.outcome;
    if (l.expired && (outcome == -ECANCELED || outcome == -EINTR)) outcome = -ETIMEDOUT;
    if (op.kind == op_kind::send && outcome > 0) {
        advance(as<send_op>(op), static_cast<std::size_t>(outcome));
        outcome = 0;
    } else if (opens(op.kind) && outcome < 0) {
        direct_.put(l.slot);
    } else if (opens(op.kind)) {
        outcome = direct_table::handle_of(l.slot).id;
    }
    if (op.kind == op_kind::close) {
        complete_close(as<close_op>(op), outcome);
    } else {
        finish(op, outcome);
    }
}

void uring_backend::complete_close(close_op& op, std::int32_t outcome) noexcept {
    if (direct_table::is_direct(op.target.id) && outcome != -ECANCELED)
        direct_.put(direct_table::slot_of(op.target.id));
    finish(op, outcome);
}

}  // namespace penstock::detail

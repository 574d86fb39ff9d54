// Messages to other loops, which are rung by an entry of this ring: it leaves with the turn's one enter.
#include "backend/io_uring/uring_backend.hpp"
#include "base/message_box.hpp"

#include <cerrno>
#include <utility>

namespace penstock::detail {

/// The message is in the other loop's box at once. What is left is that it looks there.
submitted uring_backend::submit_message(loop_message_op& op) noexcept {
    op.result = op.box == nullptr ? -EBADF : op.box->put(op.what);
    if (op.result < 0) return submitted::completed;
    std::shared_ptr<const unique_fd> door = op.box->door();
    if (door == nullptr) {
        op.box->wake();
        return submitted::completed;
    }
    // An entry that has not left yet rings for this message, too. A submission thread could have taken it.
    const bool rings_already =
        last_rung_ == door.get() && enters_when_rung_ == ring_->enters() && !ring_->has_submission_thread();
    if (rings_already) return submitted::completed;
    ::io_uring_sqe* const sqe = sqe_for(&op, for_operation);
    if (sqe == nullptr) {
        op.box->wake();
        return submitted::completed;
    }
    last_rung_ = door.get();
    enters_when_rung_ = ring_->enters();
    op.door = std::move(door);
    prepare(*sqe, op, headers_[ring_->index_of(sqe)]);
    sqe->user_data = reinterpret_cast<std::uintptr_t>(&op) | for_operation;
    set(op, in_ring);
    return submitted::queued;
}

void uring_backend::complete_message(loop_message_op& op, std::int32_t outcome) noexcept {
    op.door.reset();
    if (outcome >= 0) {
        ++loops_rung_;
    } else {
        op.box->wake();  // its own ring (EINVAL), one that is ending, or no memory
    }
    finish(op, 0);
}

}  // namespace penstock::detail

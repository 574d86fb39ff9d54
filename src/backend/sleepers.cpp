#include "backend/sleepers.hpp"

#include "op/call.hpp"

namespace penstock::detail {

submitted sleepers::submit(operation& op) noexcept {
    if (calls_.under_way() < most_) return calls_.submit(op);
    note_blocked_operations_limit(most_);
    op.result = encode(errc::too_many_blocked_operations);
    return submitted::completed;
}

void sleepers::cancel(operation& op, completions& out) noexcept {
    if (!calls_.cancel(op, out) && op.kind == op_kind::futex_wait) as<futex_wait_op>(op).interrupt();
}

}  // namespace penstock::detail

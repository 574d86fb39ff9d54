// The half of the adaptor that ends sends whose memory the kernel has borrowed.
#include "backend/readiness/readiness.hpp"
#include "op/call.hpp"

#include <cerrno>
#include <string>
#include <utility>

namespace penstock::detail {

void readiness_backend::set_up_zero_copy(std::size_t from) {
    if (from == 0) return;
    auto made = zero_copy_sends::create(from);
    if (!made) {
        zero_copy_text_ = std::move(made.error());
        return;
    }
    const std::int32_t fd = (*made)->notices().target.id;
    descriptor_state& state = descriptors_[fd];
    state.at(direction::read) = &(*made)->notices();
    zero_copy_ = std::move(*made);
    zero_copy_text_ = "from " + std::to_string(from) + " bytes on, by MSG_ZEROCOPY";
    if (admit(fd) == 0 && watch_notices()) return;
    state.at(direction::read) = nullptr;
    zero_copy_.reset();
    zero_copy_text_ = "what tells of error queues cannot be watched";
}

std::vector<feature_report> readiness_backend::features() const {
    return {{zero_copy_feature, zero_copy_ != nullptr, zero_copy_text_}};
}

bool readiness_backend::is_for_zero_copy(operation& op, const descriptor_state& state) noexcept {
    if (op.kind == op_kind::send) return zero_copy_->takes(as<send_op>(op), state);
    return &op == &zero_copy_->notices();
}

std::optional<std::int32_t> readiness_backend::proceed_by_lending(operation& op, descriptor_state& state) noexcept {
    if (&op == &zero_copy_->notices()) {
        collect_returned();
        watch_notices();
        return std::nullopt;
    }
    const auto outcome = after_attempt(op, state, zero_copy_->call(as<send_op>(op), state));
    if (!outcome || !zero_copy_sends::lending(op)) return outcome;
    op.result = *outcome;  // told when the memory is its owner's again
    set_place(op, attempting);
    return std::nullopt;
}

void readiness_backend::collect_returned() noexcept {
    zero_copy_->collect(descriptors_, [this](send_op& send) { on_returned(send); });
}

bool readiness_backend::watch_notices() noexcept {
    poll_op& notices = zero_copy_->notices();
    if (place_of(notices) == waiting) return true;
    const bool watched = !start_waiting(notices, descriptors_[notices.target.id]);
    if (!watched) set_place(notices, nowhere);
    return watched;
}

bool readiness_backend::hears_notices() noexcept {
    if (place_of(zero_copy_->notices()) == waiting) return true;
    collect_returned();
    return watch_notices();
}

void readiness_backend::on_returned(send_op& op) noexcept {
    if (place_of(op) == attempting) settle(op, op.result);  // else there is more to send
}

bool readiness_backend::end_lending(send_op& op, completions& out) noexcept {
    out_ = &out;
    descriptor_state& state = descriptors_[op.target.id];
    const bool all_taken = place_of(op) == attempting;
    const auto returned = [this](send_op& send) { on_returned(send); };
    zero_copy_->collect(op.target.id, state, returned);
    if (!zero_copy_sends::lending(op)) return !all_taken;
    op.result = -ECANCELED;
    set_place(op, attempting);
    disconnect(op.target);
    zero_copy_->collect(op.target.id, state, returned);
    return false;
}

}  // namespace penstock::detail

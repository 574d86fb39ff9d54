#include "backend/files/linux_aio_files.hpp"

#include <algorithm>
#include <cerrno>

namespace penstock::detail {

std::expected<std::unique_ptr<file_path>, setup_error> linux_aio_files::create(
    const file_path_environment& environment) {
    auto ring = aio_ring::create(std::min(environment.most, environment.aio_slots));
    if (!ring) return std::unexpected(std::move(ring.error()));
    std::unique_ptr<wake_relay> relay;
    if (environment.wake_descriptor < 0) {
        auto made = wake_relay::create(environment.owner);
        if (!made) return std::unexpected(std::move(made.error()));
        relay = std::move(*made);
    }
    return std::make_unique<linux_aio_files>(environment, std::move(*ring), std::move(relay));
}

linux_aio_files::linux_aio_files(const file_path_environment& environment, aio_ring ring,
                                 std::unique_ptr<wake_relay> relay)
    : pool_(environment.pool),
      most_(std::min(environment.most, ring.slots())),
      relay_(std::move(relay)),
      announce_(relay_ != nullptr ? relay_->fd() : environment.wake_descriptor),
      batch_(most_),
      ring_(std::move(ring)) {}

void linux_aio_files::describe(capability_table& table) const noexcept { file_blocks::describe(table); }

std::optional<submitted> linux_aio_files::submit(operation& op) noexcept {
    if (!blocks_.takes(op)) return std::nullopt;
    if (under_way_ == most_) return submitted::busy;
    ::iocb& block = batch_.append();
    blocks_.describe(block, op);
    block.aio_data = reinterpret_cast<std::uintptr_t>(&op);
    block.aio_flags = IOCB_FLAG_RESFD;
    block.aio_resfd = static_cast<std::uint32_t>(announce_);
    op.scratch[1] = reinterpret_cast<std::uintptr_t>(this);
    ++under_way_;
    return submitted::queued;
}

void linux_aio_files::flush() noexcept {
    while (!batch_.empty()) {
        const std::uint32_t before = batch_.size();
        const std::int32_t r = batch_.submit(ring_);
        with_kernel_ += before - batch_.size();
        if (r == 0) return;
        // No slots: what is left is offered again when something has ended. If nothing will, it is no shortage of
        // slots.
        if (r == -EAGAIN && with_kernel_ != 0) return;
        refuse(batch_.take_first(), r);  // an error concerns the first only
    }
}

void linux_aio_files::refuse(::iocb& block, std::int32_t error) noexcept {
    auto& op = *reinterpret_cast<operation*>(block.aio_data);
    op.result = error;
    refused_.push_back(op);
}

// The kernel cancels nothing but polls, so it ends at completion.
bool linux_aio_files::cancel(operation& op, completions&) noexcept {
    return op.scratch[1] == reinterpret_cast<std::uintptr_t>(this);
}

void linux_aio_files::collect(completions& out) noexcept {
    while (operation* const op = refused_.pop_front()) ended(*op, op->result, out);
    with_kernel_ -= ring_.reap([&](const ::io_event& event) {
        ended(*reinterpret_cast<operation*>(event.data), static_cast<std::int32_t>(event.res), out);
    });
}

void linux_aio_files::ended(operation& op, std::int32_t result, completions& out) noexcept {
    --under_way_;
    if (const auto final = result == -EAGAIN ? std::nullopt : blocks_.outcome(op, result)) {
        out.finish(op, *final);
    } else if (op.cancel_requested) {
        out.finish(op, -ECANCELED);
    } else {
        pool_.take_over(op);
    }
}

}  // namespace penstock::detail

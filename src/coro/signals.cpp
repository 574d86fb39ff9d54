#include <penstock/signals.hpp>

#include "op/signal.hpp"
#include "runtime/loop_core.hpp"

namespace penstock {

result<void> block_signals(signal_set which) noexcept {
    if (!which.valid() || !detail::block_signals_here(which.mask())) return fail(std::errc::invalid_argument);
    return {};
}

task<result<signals>> watch_signals(signal_set which) {
    const bool can_read = current_loop->buffers().buffer_size() >= detail::raw_signal_size;
    if (!which.valid() || which.empty() || !can_read) co_return fail(std::errc::invalid_argument);
    const bool of_the_process = current_loop->core().own == nullptr;  // or of a machine of the loop's own
    if (of_the_process && !detail::blocks_signals(which.mask())) co_return fail(errc::signals_not_blocked);
    const auto opened = co_await detail::awaited<detail::signals_op, detail::cancellable::no>(which.mask());
    if (opened < 0) co_return std::unexpected(detail::decode(opened));
    detail::stream_record& record = detail::make_stream_record(*current_loop, {opened}, op_kind::read);
    record.cancels_reads = true;  // what nobody waits for stays pending in the process, for the next watcher
    co_return signals(record);
}

task<result<signal_info>> signals::next() {
    if (unread_.empty()) {
        unread_.reset();  // its credit first
        auto received = co_await detail::receive_awaiter(record_);
        if (!received) co_return std::unexpected(received.error());
        if (received->size() < detail::raw_signal_size) co_return fail(errc::unexpected_end);
        unread_ = std::move(*received);
    }
    const detail::raw_signal raw = detail::decode_signal(unread_.bytes());
    unread_.consume(detail::raw_signal_size);
    co_return signal_info{.number = static_cast<int>(raw.number),
                          .code = raw.code,
                          .sender = static_cast<std::int32_t>(raw.sender),
                          .sender_user = raw.sender_user,
                          .value = raw.value,
                          .status = raw.status};
}

}  // namespace penstock

#include "backend/simulated/pipe_end.hpp"

#include <algorithm>

namespace penstock::detail {

std::int32_t pipe_end::read(std::span<std::byte> into) noexcept {
    if (writes_) return -EBADF;
    if (const std::size_t n = channel_->take(into); n != 0 || into.empty()) return static_cast<std::int32_t>(n);
    return channel_->end_arrived() ? 0 : -EAGAIN;
}

std::int32_t pipe_end::peek(std::span<std::byte> into) const noexcept {
    if (writes_) return -EBADF;
    return static_cast<std::int32_t>(channel_->peek(into));
}

std::int32_t pipe_end::write(std::span<const std::byte> from) noexcept {
    if (!writes_) return -EBADF;
    if (channel_->reader == nullptr) return -EPIPE;
    const std::size_t n = std::min(from.size(), channel_->room());
    if (n == 0 && !from.empty()) return -EAGAIN;
    channel_->send(from.first(n), false);
    return static_cast<std::int32_t>(n);
}

void pipe_end::close() noexcept {
    if (writes_) {
        channel_->writer = nullptr;
        channel_->end(false);
    } else {
        channel_->reader = nullptr;
        if (channel_->writer != nullptr) channel_->writer->tell(side::write);
    }
}

}  // namespace penstock::detail

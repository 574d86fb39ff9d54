// pipe(2).
#pragma once

#include "backend/simulated/channel.hpp"

#include <memory>
#include <utility>

namespace penstock::detail {

class pipe_end final : public resource {
  public:
    pipe_end(simulated_world& in, std::shared_ptr<channel> through, bool writes) noexcept
        : resource(in), channel_(std::move(through)), writes_(writes) {
        (writes ? channel_->writer : channel_->reader) = this;
    }

    bool readable() const noexcept override { return writes_ || !channel_->empty() || channel_->end_arrived(); }
    std::int32_t read(std::span<std::byte> into) noexcept override;
    /// What read() would bring, which stays.
    std::int32_t peek(std::span<std::byte> into) const noexcept;
    std::int32_t write(std::span<const std::byte> from) noexcept override;
    std::size_t room() const noexcept override { return writes_ ? channel_->room() : 0; }
    bool is_stream() const noexcept override { return true; }
    bool is_pipe() const noexcept override { return true; }
    void close() noexcept override;
    bool is_of_the_pipe_of(const pipe_end& other) const noexcept { return channel_ == other.channel_; }

  private:
    std::shared_ptr<channel> channel_;
    bool writes_;
};

}  // namespace penstock::detail

// A handle of the simulated machine's for a file or a directory.
#pragma once

#include "backend/simulated/disk.hpp"
#include "backend/simulated/resource.hpp"

#include <memory>
#include <string>
#include <utility>

namespace penstock::detail {

class open_file final : public resource {
  public:
    open_file(simulated_world& in, std::shared_ptr<inode> file, const open_request& how) noexcept
        : resource(in), file_(std::move(file)), how_(how) {}

    std::int32_t read(std::span<std::byte> into) noexcept override;
    std::int32_t write(std::span<const std::byte> from) noexcept override;

    std::int32_t read_at(const read_at_op& op) noexcept;
    std::int32_t write_at(const write_at_op& op) noexcept;
    std::int32_t sync() noexcept;
    std::int32_t status(status_op& op) noexcept;
    std::int32_t truncate(std::uint64_t size) noexcept;
    std::int32_t allocate(const allocate_op& op) noexcept;
    /// Of a part: there is nothing but the whole to be made durable, and nothing to be gained by advice.
    std::int32_t sync_range(const sync_range_op& op) noexcept;
    std::int32_t advise(const advise_op& op) const noexcept;

    /// What paths relative to it begin with; nothing if it is no directory.
    const std::string* place() const noexcept { return file_->what == inode::sort::directory ? &file_->path : nullptr; }

  private:
    std::int32_t refusal_of(const read_at_op& op) const noexcept;
    std::int32_t read_once(std::span<std::byte> into, std::uint64_t offset) noexcept;
    std::int32_t write_once(std::span<const std::byte> from, std::uint64_t offset) noexcept;
    std::size_t cut_short(std::size_t size) noexcept;

    std::shared_ptr<inode> file_;
    open_request how_;
    std::uint64_t position_ = 0;
};

}  // namespace penstock::detail

// The ring beside the loop's, for O_DIRECT files: completions are not told by an interrupt but asked for.
#pragma once

#include "backend/io_uring/registered.hpp"
#include "backend/io_uring/ring.hpp"
#include <penstock/backend_options.hpp>

#include <cstdint>
#include <expected>
#include <vector>

namespace penstock::detail {

/// A ring with IORING_SETUP_IOPOLL takes reads and writes of such files and nothing else; so it is a second one. While
/// something is under way in it the loop must not sleep: it is the loop's looking that finishes it.
class disk_ring {
  public:
    explicit disk_ring(const backend_options& options)
        : request_{.entries = options.queue_entries,
                   .completions = options.completion_entries,
                   .options = options.uring,
                   .used = {IORING_OP_READ, IORING_OP_READV, IORING_OP_READ_FIXED, IORING_OP_WRITE, IORING_OP_WRITEV,
                            IORING_OP_WRITE_FIXED},
                   .polls_disks = true},
          tables_(ring_.raw(), options.uring.registered_files) {}

    std::expected<void, setup_error> set_up() {
        if (auto made = ring_.set_up(request_); !made) return made;
        return ring_.start(request_);
    }

    void add_file(std::int32_t fd) {
        if (static_cast<std::size_t>(fd) >= files_.size()) files_.resize(static_cast<std::size_t>(fd) + 64);
        files_[static_cast<std::size_t>(fd)] = true;
    }
    void remove_file(std::int32_t fd) noexcept {
        tables_.remove_file(fd);
        if (static_cast<std::size_t>(fd) < files_.size()) files_[static_cast<std::size_t>(fd)] = false;
    }
    /// Whether reads and writes of this descriptor go here.
    bool takes(std::int32_t fd) const noexcept {
        return static_cast<std::size_t>(fd) < files_.size() && files_[static_cast<std::size_t>(fd)];
    }

    /// An entry for an operation, or null when there is no room for it or for its completion.
    ::io_uring_sqe* next_sqe() noexcept {
        if (under_way_ >= ring_.raw()->cq.ring_entries) return nullptr;
        ::io_uring_sqe* sqe = ring_.next_sqe();
        if (sqe == nullptr) {
            ring_.submit();
            sqe = ring_.next_sqe();
        }
        if (sqe != nullptr) ++under_way_;
        return sqe;
    }
    std::uint32_t under_way() const noexcept { return under_way_; }

    void submit() noexcept { ring_.submit(); }
    /// Submits, asks the device what is done, and calls `take` for each completion.
    template <class Take>
    void poll(Take take) noexcept {
        if (under_way_ == 0) return;
        ring_.enter(0, nullptr);
        under_way_ -= ring_.reap(take);
    }
    void note_polled() noexcept { ++polled_; }
    std::uint64_t polled() const noexcept { return polled_; }

    registered& tables() noexcept { return tables_; }
    const ring& queue() const noexcept { return ring_; }

  private:
    ring_request request_;
    ring ring_;
    registered tables_;
    std::vector<bool> files_;
    std::uint32_t under_way_ = 0;
    std::uint64_t polled_ = 0;
};

}  // namespace penstock::detail

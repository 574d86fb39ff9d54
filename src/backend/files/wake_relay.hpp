// An eventfd for the kernel to ring, where the owner waits for none.
#pragma once

#include "backend/backend.hpp"
#include "base/unique_fd.hpp"

#include <atomic>
#include <expected>
#include <memory>
#include <thread>

namespace penstock::detail {

/// A thread that sleeps in a read of the eventfd and passes each ring on to backend::wake().
class wake_relay {
  public:
    static std::expected<std::unique_ptr<wake_relay>, setup_error> create(backend& owner);
    /// Nobody may ring any more, and the owner must still be there.
    ~wake_relay();
    wake_relay(const wake_relay&) = delete;
    wake_relay& operator=(const wake_relay&) = delete;

    int fd() const noexcept { return bell_.get(); }

  private:
    wake_relay(backend& owner, unique_fd bell);

    unique_fd bell_;
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace penstock::detail

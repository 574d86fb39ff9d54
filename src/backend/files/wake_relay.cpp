#include "backend/files/wake_relay.hpp"

#include "backend/files/quiet_thread.hpp"
#include "base/setup.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace penstock::detail {

std::expected<std::unique_ptr<wake_relay>, setup_error> wake_relay::create(backend& owner) {
    unique_fd bell(::eventfd(0, EFD_CLOEXEC));
    if (!bell) return std::unexpected(setup_failure("eventfd", errno));
    return std::unique_ptr<wake_relay>(new wake_relay(owner, std::move(bell)));
}

wake_relay::wake_relay(backend& owner, unique_fd bell) : bell_(std::move(bell)) {
    thread_ = start_quiet_thread([this, &owner] {
        std::uint64_t rings = 0;
        while (::read(bell_.get(), &rings, sizeof rings) >= 0 && !ending_.load()) owner.wake();
    });
}

wake_relay::~wake_relay() {
    ending_.store(true);
    const std::uint64_t one = 1;
    static_cast<void>(::write(bell_.get(), &one, sizeof one) + 0);
    thread_.join();
}

}  // namespace penstock::detail

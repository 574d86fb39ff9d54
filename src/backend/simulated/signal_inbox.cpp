#include "backend/simulated/signal_inbox.hpp"

#include "backend/simulated/world.hpp"

#include <sys/signalfd.h>

#include <bit>
#include <csignal>
#include <cstring>

namespace penstock::detail {

void signal_box::raise(int number) noexcept {
    if (number < 1 || number > 64) return;
    const std::uint64_t bit = std::uint64_t{1} << (number - 1);
    pending_ |= bit;
    for (signal_inbox* const watcher : watchers_) {
        if ((watcher->mask() & bit) != 0) watcher->tell(side::read);
    }
}

int signal_box::take(std::uint64_t mask) noexcept {
    const int number = std::countr_zero(pending_ & mask) + 1;
    pending_ &= ~(std::uint64_t{1} << (number - 1));
    return number;
}

signal_inbox::signal_inbox(simulated_world& in, std::uint64_t mask) : resource(in), mask_(mask) {
    in.signals().add(*this);
}

signal_inbox::~signal_inbox() { world().signals().remove(*this); }

bool signal_inbox::readable() const noexcept { return world().signals().any_of(mask_); }

std::int32_t signal_inbox::read(std::span<std::byte> into) noexcept {
    if (into.size() < sizeof(::signalfd_siginfo)) return -EINVAL;
    if (!readable()) return -EAGAIN;
    ::signalfd_siginfo raw{};
    raw.ssi_signo = static_cast<std::uint32_t>(world().signals().take(mask_));
    raw.ssi_code = SI_USER;
    raw.ssi_pid = 1;
    raw.ssi_uid = 1000;
    std::memcpy(into.data(), &raw, sizeof raw);
    return sizeof raw;
}

}  // namespace penstock::detail

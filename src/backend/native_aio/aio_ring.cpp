#include "backend/native_aio/aio_ring.hpp"

#include "backend/native_aio/slot_supply.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace penstock::detail {
namespace {

constexpr unsigned known_magic = 0xa10a10a1;

std::int32_t set_up(std::uint32_t slots, ::aio_context_t& id) noexcept {
    id = 0;
    return ::syscall(SYS_io_setup, slots, &id) == 0 ? 0 : -errno;
}

}  // namespace

std::expected<aio_ring, setup_error> aio_ring::create(std::uint32_t wanted) {
    wanted = std::max(wanted, 8U);
    const std::uint32_t fewest = std::min(wanted, fewest_slots);
    std::uint32_t slots = fair_share(wanted, read_slot_supply(), std::thread::hardware_concurrency());
    for (;;) {
        ::aio_context_t id = 0;
        const std::int32_t r = set_up(slots, id);
        if (r == 0) return aio_ring(id, slots);
        if (r != -EAGAIN) return std::unexpected(setup_failure("io_setup", -r));
        if (slots <= fewest) return std::unexpected(no_slots_left(read_slot_supply()));
        slots = std::max(slots / 2, fewest);
    }
}

aio_ring::aio_ring(::aio_context_t id, std::uint32_t slots) noexcept : id_(id), ring_(usable_ring(id)), slots_(slots) {}

aio_ring::~aio_ring() {
    if (id_ != 0) ::syscall(SYS_io_destroy, id_);
}

aio_ring::header* aio_ring::usable_ring(::aio_context_t id) noexcept {
    auto* const found = reinterpret_cast<header*>(id);  // NOLINT(performance-no-int-to-ptr): the id is an address
    const bool known =
        found->magic == known_magic && found->incompatible_features == 0 && found->header_size == sizeof(header);
    if (!known) return nullptr;
#ifdef MADV_POPULATE_READ
    // The kernel has had these pages since io_setup. Mapping them now saves a fault for each on the first lap; if it
    // is not to be had (before Linux 5.14), the faults come.
    static_cast<void>(::madvise(found, sizeof(header) + found->capacity * sizeof(::io_event), MADV_POPULATE_READ));
#endif
    return found;
}

std::int32_t aio_ring::submit(::iocb** blocks, std::uint32_t count) noexcept {
    ++calls_;
    const long taken = ::syscall(SYS_io_submit, id_, static_cast<long>(count), blocks);
    return taken >= 0 ? static_cast<std::int32_t>(taken) : -errno;
}

void aio_ring::cancel(::iocb& poll) noexcept {
    ++calls_;
    // EINPROGRESS is the good answer, EINVAL says that it has just completed; the event comes either way.
    ::io_event unused;
    static_cast<void>(::syscall(SYS_io_cancel, id_, &poll, &unused));
}

std::uint32_t aio_ring::get_events(long least, std::array<::io_event, events_per_call>& into,
                                   const ::timespec* limit) noexcept {
    ++calls_;
    const long count = ::syscall(SYS_io_getevents, id_, least, static_cast<long>(into.size()), into.data(), limit);
    return count > 0 ? static_cast<std::uint32_t>(count) : 0;
}

}  // namespace penstock::detail

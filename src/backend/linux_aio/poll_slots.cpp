#include "backend/linux_aio/poll_slots.hpp"

#include "backend/linux_aio/completion_tag.hpp"

#include <utility>

namespace penstock::detail {

std::uint32_t poll_slots::take(std::int32_t fd, std::uint16_t events) {
    if (first_unused_ == 0) grow();
    const std::uint32_t number = first_unused_;
    poll_slot& slot = (*this)[number];
    first_unused_ = slot.next_unused;
    slot.state = poll_slot::phase::resting;
    slot.control = {};
    slot.control.aio_data = completion_tag::of_poll(number);
    slot.control.aio_lio_opcode = IOCB_CMD_POLL;
    slot.control.aio_fildes = static_cast<std::uint32_t>(fd);
    slot.control.aio_buf = events;
    return number;
}

void poll_slots::release(std::uint32_t number) noexcept {
    poll_slot& slot = (*this)[number];
    slot.state = poll_slot::phase::unused;
    slot.next_unused = std::exchange(first_unused_, number);
}

void poll_slots::grow() {
    const auto before = static_cast<std::uint32_t>(chunks_.size() * chunk_size);
    chunks_.push_back(std::make_unique<poll_slot[]>(chunk_size));
    for (std::uint32_t number = before + chunk_size; number > before; --number) release(number);
}

}  // namespace penstock::detail

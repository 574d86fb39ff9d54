// The half of linux_aio_backend that says what is waited for.
#include "backend/linux_aio/completion_tag.hpp"
#include "backend/linux_aio/linux_aio_backend.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

namespace penstock::detail {
namespace {

std::uint16_t events_for(direction side) noexcept { return side == direction::read ? POLLIN | POLLRDHUP : POLLOUT; }

direction polled_side(const poll_slot& slot) noexcept {
    return (slot.control.aio_buf & POLLOUT) != 0 ? direction::write : direction::read;
}

// The kernel's poll calls a file ready, which would send its reads to a batch although they sleep on the disk.
bool is_file(std::int32_t fd) noexcept {
    struct ::stat status{};
    if (::fstat(fd, &status) != 0) return false;
    return S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISDIR(status.st_mode);
}

}  // namespace

void linux_aio_backend::opened(std::int32_t fd, descriptor_state& state, const operation& by) noexcept {
    readiness_backend::opened(fd, state, by);
    descriptor_notes notes(state);
    notes.set(descriptor_notes::examined);
    if (!state.shared) notes.set(descriptor_notes::ours);
    const bool made = by.kind == op_kind::signals;
    if (made || (by.kind == op_kind::adopt && signal_watch::is_signal_descriptor(fd))) {
        notes.set(descriptor_notes::by_epoll);
        signals_.add(fd, made ? static_cast<const signals_op&>(by).mask : signal_watch::any_signal());
    }
}

std::int32_t linux_aio_backend::watch(std::int32_t fd, descriptor_state& state, direction side) noexcept {
    descriptor_notes notes(state);
    if (!notes.has(descriptor_notes::examined)) {
        if (is_file(fd)) return -EPERM;
        notes.set(descriptor_notes::examined);
    }
    if (notes.has(descriptor_notes::by_epoll)) return watch_by_epoll(fd, state);
    if (notes.slot(side) == 0) {
        notes.set_slot(side, polls_.take(fd, events_for(side)));
    } else if (side == direction::read) {
        notes.set(descriptor_notes::comes_back);
    }
    poll_slot& slot = polls_[notes.slot(side)];
    if (slot.state == poll_slot::phase::armed || arm(slot)) return 0;
    drop_slot(state, side);
    ++counted_.slot_waits;
    return watch_by_epoll(fd, state);
}

bool linux_aio_backend::arm(poll_slot& slot) noexcept {
    if (!polls_.may_arm() || !batch_has_room()) return false;
    arm_always(slot);
    return true;
}

void linux_aio_backend::arm_always(poll_slot& slot) noexcept {
    polls_.note_armed(slot);
    batch_.append(slot.control);
}

// After a read that left nothing, the next poll goes with this turn's batch although nobody waits yet: who answers a
// message will read again, and a poll of its own would then need another io_submit. Not for a descriptor's first
// read, since one that is closed after one request would have its poll cancelled each time.
void linux_aio_backend::arm_ahead(descriptor_state& state) noexcept {
    const descriptor_notes notes(state);
    if (!notes.has(descriptor_notes::comes_back) || state.may_read || state.asks_each_time) return;
    if (notes.has(descriptor_notes::by_epoll) || state.at(direction::read) != nullptr) return;
    const std::uint32_t number = notes.slot(direction::read);
    if (number == 0 || polls_[number].state != poll_slot::phase::resting) return;
    arm(polls_[number]);
}

std::int32_t linux_aio_backend::watch_by_epoll(std::int32_t fd, descriptor_state& state) noexcept {
    descriptor_notes notes(state);
    notes.set(descriptor_notes::by_epoll);
    const bool registered = notes.has(descriptor_notes::registered);
    if (registered && !state.asks_each_time) return 0;
    const std::int32_t r = nested_.watch(fd, state.generation, registered);
    if (r == 0) notes.set(descriptor_notes::registered);
    return r;
}

void linux_aio_backend::poll_fired(std::uint32_t number, std::int32_t result) noexcept {
    poll_slot& slot = polls_[number];
    const bool abandoned = slot.state == poll_slot::phase::abandoned;
    polls_.note_back(slot);
    if (abandoned) return polls_.release(number);
    if (number == waker_slot_) return clear_wake();
    if (number == nested_slot_) return collect_nested();
    const std::int32_t fd = slot.fd();
    const direction side = polled_side(slot);
    descriptor_state& state = descriptors()[fd];
    // Nobody has cancelled it, so "cancelled" is the kernel's word for a second wait queue found too late.
    if (result == 0) {
        drop_slot(state, side);
        return poll_impossible(fd, side);
    }
    // Reads come again, so their slot stays; writes seldom wait twice, and an idle connection shall not pay for it.
    if (side == direction::write || descriptor_notes(state).has(descriptor_notes::by_epoll)) drop_slot(state, side);
    on_ready(fd, state.generation,
             {.readable = (result & POLLIN) != 0,
              .writable = (result & POLLOUT) != 0,
              .hang_up = result < 0 || (result & (POLLRDHUP | POLLHUP | POLLERR)) != 0});
}

void linux_aio_backend::poll_refused(std::uint32_t number, std::int32_t error) noexcept {
    poll_slot& slot = polls_[number];
    polls_.note_back(slot);
    const std::int32_t fd = slot.fd();
    const direction side = polled_side(slot);
    descriptor_state& state = descriptors()[fd];
    drop_slot(state, side);
    if (error == -EINVAL) return poll_impossible(fd, side);
    on_ready(fd, state.generation, {.hang_up = true});  // the operation's own call will tell what is wrong
}

void linux_aio_backend::poll_impossible(std::int32_t fd, direction side) noexcept {
    descriptor_state& state = descriptors()[fd];
    const std::int32_t r = watch_by_epoll(fd, state);
    if (r == -EPERM) return not_pollable(fd, side);
    if (r < 0) on_ready(fd, state.generation, {.hang_up = true});
}

void linux_aio_backend::drop_slot(descriptor_state& state, direction side) noexcept {
    descriptor_notes notes(state);
    polls_.release(notes.slot(side));
    notes.set_slot(side, 0);
}

void linux_aio_backend::unwatch(std::int32_t fd, descriptor_state& state) noexcept {
    descriptor_notes notes(state);
    file_blocks_.closed(fd);
    if (!signals_.empty()) signals_.remove(fd);
    // Closing the last descriptor ends an epoll registration by itself. A shared one may live on elsewhere.
    if (notes.has(descriptor_notes::registered) && state.shared) nested_.forget(fd);
    for (const direction side : {direction::read, direction::write}) {
        if (notes.slot(side) == 0) continue;
        poll_slot& slot = polls_[notes.slot(side)];
        const bool armed = slot.state == poll_slot::phase::armed;
        if (armed && !batch_.remove(slot.control)) {
            let_go(fd, state, side, slot);
            notes.set_slot(side, 0);
            continue;
        }
        if (armed) polls_.note_back(slot);
        drop_slot(state, side);
    }
}

// A poll holds the open file: until it has ended, closing the descriptor would not close the socket. So it is ended
// first; that takes the kernel's worker a few microseconds, and only if the worker is late does the peer hear of the
// close some milliseconds later.
void linux_aio_backend::let_go(std::int32_t fd, descriptor_state& state, direction side, poll_slot& slot) noexcept {
    slot.state = poll_slot::phase::abandoned;
    // io_cancel searches all polls of the instance (0.1 ms and more among 8,000). A socket that is about to be closed
    // anyway, and that only we have, can be woken for 3 us instead: the end of receiving is not told to the peer.
    const bool closing = !state.shared && descriptor_notes(state).has(descriptor_notes::ours);
    if (closing && side == direction::read && ::shutdown(fd, SHUT_RD) == 0) return;
    ring_.cancel(slot.control);
}

void linux_aio_backend::collect_nested() noexcept {
    nested_.collect(
        [this](std::int32_t fd, std::uint32_t generation, readiness what) { on_ready(fd, generation, what); });
    arm_always(polls_[nested_slot_]);
}

void linux_aio_backend::ask_for_signals(time_point now) noexcept {
    signals_.ask_if_due(now, [this](std::int32_t fd) {
        descriptor_state& state = descriptors()[fd];
        if (state.at(direction::read) != nullptr) static_cast<void>(watch_by_epoll(fd, state));
    });
}

// The waker's count is read, and its poll armed again, with the next batch; only the read ends the wait. A wake-up
// that comes before the read is told by it, one that comes after finds the poll armed or makes arming it succeed.
void linux_aio_backend::clear_wake() noexcept {
    ::iocb& block = batch_.append();
    block.aio_data = completion_tag::of_wake();
    block.aio_lio_opcode = IOCB_CMD_PREAD;
    block.aio_fildes = static_cast<std::uint32_t>(waker_.fd());
    block.aio_buf = reinterpret_cast<std::uintptr_t>(&wake_count_);
    block.aio_nbytes = sizeof wake_count_;
    arm_always(polls_[waker_slot_]);
}

}  // namespace penstock::detail

// Sends without copying where the mechanism only says "ready": MSG_ZEROCOPY, whose end is told in the error queue.
#pragma once

#include "backend/readiness/descriptor_table.hpp"
#include "backend/readiness/error_queue.hpp"
#include "backend/zero_copy.hpp"
#include "base/unique_fd.hpp"
#include <penstock/operation.hpp>

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

namespace penstock::detail {

/// The memory of a call is the kernel's until its number was in the socket's error queue. A send counts its calls that
/// are on their way, whose numbers do not matter then; since a socket has one send at a time, they are all its own.
///
/// A queue with something in it is an error to whoever polls, told for as long as it lasts. So that it is told once,
/// that unread input and room to write do not count, and all mechanisms are alike, the sockets are in an epoll
/// descriptor of their own for nothing but errors, by edges; the mechanism watches that as any other.
class zero_copy_sends {
  public:
    /// In operation::backend_flags: calls of this send are on their way, as many as scratch[1] says.
    static constexpr std::uint8_t lends = 0x40;
    /// The same: the kernel has refused to borrow this send's memory once, and is not asked again.
    static constexpr std::uint8_t only_copies = 0x80;
    static bool lending(const operation& op) noexcept { return (op.backend_flags & lends) != 0; }

    /// From so many bytes on. \return or why it cannot be had here.
    static std::expected<std::unique_ptr<zero_copy_sends>, std::string> create(std::size_t from);

    /// Under way for ever: waits until some error queue has something.
    poll_op& notices() noexcept { return notices_; }

    /// Whether this class is to make the calls of a send now. One that may be held back for what follows would end only
    /// when that was acknowledged, too.
    bool takes(const send_op& op, const descriptor_state& state) noexcept {
        return lending(op) || (!op.more_follows && !state.copies_only && decision_.wants(bytes_to_send(op)));
    }
    /// Sends without waiting until all is taken or nothing more fits. \return as send_op::call(); unless it is
    /// -EAGAIN, a send that is lending() then has ended only when collect() says so.
    std::int32_t call(send_op& op, descriptor_state& state) noexcept;

    /// Reads what error queues have to say. Calls `returned(send)` for each send of which no call is on its way any
    /// more. What comes meanwhile is of sends that were begun before, so there is an end to it.
    template <class Returned>
    void collect(descriptor_table& descriptors, Returned returned) noexcept {
        std::array<::epoll_event, 32> events;
        std::size_t count = events.size();
        while (count == events.size()) {
            count = next_events(events);
            for (std::size_t i = 0; i < count; ++i) {
                const auto fd = static_cast<std::int32_t>(events[i].data.u64 & 0xffff'ffff);
                descriptor_state& state = descriptors[fd];
                if (state.generation == events[i].data.u64 >> 32) collect(fd, state, returned);
            }
        }
    }
    /// The same of one socket.
    template <class Returned>
    void collect(std::int32_t fd, descriptor_state& state, Returned returned) noexcept {
        while (const auto calls = next_returned_calls(fd)) {
            decision_.told(calls->copied, calls->count());
            operation* const op = state.at(direction::write);
            if (op != nullptr && lending(*op) && take_back(*op, calls->count())) returned(as<send_op>(*op));
        }
    }

    /// A socket that others hold, too, is about to be closed here.
    void forget(std::int32_t fd) noexcept { ::epoll_ctl(errors_.get(), EPOLL_CTL_DEL, fd, nullptr); }

    std::uint64_t sent() const noexcept { return decision_.sent(); }
    std::uint64_t copied() const noexcept { return decision_.copied(); }

  private:
    zero_copy_sends(unique_fd errors, std::size_t from) noexcept;
    std::size_t bytes_to_send(const send_op& op) const noexcept;
    std::size_t next_events(std::array<::epoll_event, 32>& events) noexcept;
    std::int32_t call_once(send_op& op, const descriptor_state& state) noexcept;
    void prepare(std::int32_t fd, descriptor_state& state) noexcept;
    static bool take_back(operation& op, std::uint32_t calls) noexcept;

    unique_fd errors_;  // an epoll descriptor
    poll_op notices_;
    zero_copy decision_;
};

}  // namespace penstock::detail

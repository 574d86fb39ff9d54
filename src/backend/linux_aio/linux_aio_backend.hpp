// The loop's side of native AIO: which control blocks a turn puts together, and what their completions mean.
#pragma once

#include "backend/linux_aio/descriptor_notes.hpp"
#include "backend/linux_aio/nested_epoll.hpp"
#include "backend/linux_aio/poll_slots.hpp"
#include "backend/linux_aio/signal_watch.hpp"
#include "backend/native_aio/aio_batch.hpp"
#include "backend/native_aio/aio_ring.hpp"
#include "backend/native_aio/file_blocks.hpp"
#include "backend/readiness/readiness.hpp"
#include "base/wait_time.hpp"

namespace penstock::detail {

/// A turn is one io_submit: the reads of sockets that have become readable, the writes of what was computed since,
/// and the next polls. Sockets are non-blocking, so reads and writes are done when it returns, and their completions
/// are found in the ring without another system call. Only an empty ring is waited for.
///
/// A poll stays armed when its receive is cancelled; its event then only says that a read may find something.
class linux_aio_backend : public readiness_backend {
  public:
    linux_aio_backend(const backend_environment& environment, waker wake, aio_ring ring, nested_epoll nested);

    /// Arms what the backend waits for on its own account, which proves that this kernel can poll.
    std::expected<void, setup_error> set_up(const backend_environment& environment) override;

    std::string_view name() const noexcept override { return "linux_aio"; }
    void flush() noexcept override { static_cast<void>(batch_.submit(ring_)); }
    backend_statistics statistics() const noexcept override;

  protected:
    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override;
    void unwatch(std::int32_t fd, descriptor_state& state) noexcept override;
    void collect(time_point now, time_point deadline) noexcept override;
    std::optional<std::int32_t> attempt(operation& op, descriptor_state& state) noexcept override;
    submitted submit_file(operation& op) noexcept override;
    void opened(std::int32_t fd, descriptor_state& state, const operation& by) noexcept override;

  private:
    // polling.cpp: who is waited for, and how.
    bool arm(poll_slot& slot) noexcept;
    void arm_always(poll_slot& slot) noexcept;
    void arm_ahead(descriptor_state& state) noexcept;
    std::int32_t watch_by_epoll(std::int32_t fd, descriptor_state& state) noexcept;
    void poll_fired(std::uint32_t number, std::int32_t result) noexcept;
    void poll_refused(std::uint32_t number, std::int32_t error) noexcept;
    void poll_impossible(std::int32_t fd, direction side) noexcept;
    void drop_slot(descriptor_state& state, direction side) noexcept;
    void let_go(std::int32_t fd, descriptor_state& state, direction side, poll_slot& slot) noexcept;
    void collect_nested() noexcept;
    void ask_for_signals(time_point now) noexcept;
    void clear_wake() noexcept;

    // linux_aio_backend.cpp: the turn, and the bytes.
    void submit_batch() noexcept;
    void refused(::iocb& block, std::int32_t error) noexcept;
    void completed(const ::io_event& event) noexcept;
    bool sleep(const wait_time& limit) noexcept;
    bool batch_has_room() noexcept;
    std::optional<std::int32_t> attempt_receive(receive_op& op, descriptor_state& state) noexcept;
    std::optional<std::int32_t> attempt_send(send_op& op, descriptor_state& state) noexcept;
    void transfer_ended(operation& op, std::int32_t result) noexcept;
    void received(receive_op& op, std::int32_t result) noexcept;
    void sent(send_op& op, std::int32_t result) noexcept;
    void file_ended(operation& op, std::int32_t result) noexcept;

    nested_epoll nested_;
    signal_watch signals_;
    std::uint64_t wake_count_ = 0;  // where the kernel puts what it reads from the waker
    bool woken_ = false;
    bool files_by_itself_ = true;
    file_blocks file_blocks_;
    poll_slots polls_;
    std::uint32_t waker_slot_;
    std::uint32_t nested_slot_;
    aio_batch batch_;
    aio_ring ring_;  // last, so that it goes first: until then the kernel may write to what is above
};

}  // namespace penstock::detail

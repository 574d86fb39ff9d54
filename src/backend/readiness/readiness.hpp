// From readiness to completion: what every mechanism that says "it is ready" has in common. A mechanism's own folder
// holds only how to express interest and how to collect readiness.
#pragma once

#include "backend/backend.hpp"
#include "backend/files/file_path.hpp"
#include "backend/offload.hpp"
#include "backend/readiness/descriptor_table.hpp"
#include "backend/readiness/zero_copy_sends.hpp"
#include "backend/sleepers.hpp"
#include "backend/waker.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::detail {

/// What the kernel said of a descriptor.
struct readiness {
    bool readable = false;
    bool writable = false;
    bool hang_up = false;  ///< the end of the stream, a hang-up or an error: both directions have something to say
};

/// The shared half of a readiness backend.
///
/// Per descriptor and direction at most one operation is under way; a second is answered -EBUSY. A receive waits
/// until something was reported, since a vain one is an expensive way to hear "no"; a send tries first. Whether an
/// attempt is a call now or joins a batch is the mechanism's choice (attempt()).
class readiness_backend : public backend {
  public:
    const capability_table& capabilities() const noexcept final { return capabilities_; }
    submitted submit(operation& op) noexcept final;
    /// By default nothing: calls are made at once, and what is collected concerns the next wait only.
    void flush() noexcept override {}
    void wait(time_point now, time_point deadline, completions& out) noexcept final;
    void cancel(operation& op, completions& out) noexcept final;
    void wake() noexcept final { waker_.wake(); }
    backend_statistics statistics() const noexcept override;
    std::vector<feature_report> features() const override;

    /// The part of making one that can fail; see make_mechanism(). By default: what backend_options::files asks for.
    virtual std::expected<void, setup_error> set_up(const backend_environment& environment);
    /// After set_up(): has sends of so many bytes go without copying, if that can be had here; 0: none.
    void set_up_zero_copy(std::size_t from);
    /// First of all when one ends: a worker that has just handed back the last operation may still be calling wake(),
    /// which must not find a mechanism that is half gone. make_mechanism() sees to it.
    void end_offload() noexcept {
        files_.reset();
        offload_.reset();
        sleepers_.reset();
    }

  protected:
    /// `wake`: what ends collect() when another thread says so; the mechanism waits for it, too, and clears it.
    readiness_backend(const backend_environment& environment, waker wake);

    // --- What a mechanism provides ---

    /// Expresses interest in one direction of a descriptor that an operation now waits for. It is told of readiness
    /// through on_ready(). \return 0, or -EPERM if the descriptor can never wait (a file), or another error.
    virtual std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept = 0;
    /// Ends all interest; the descriptor is about to be closed.
    virtual void unwatch(std::int32_t fd, descriptor_state& state) noexcept = 0;
    /// A direction of a socket was shut down from here. Most mechanisms hear of that as of anything else.
    virtual void shut_down(std::int32_t fd, descriptor_state& state) noexcept {
        static_cast<void>(fd);
        static_cast<void>(state);
    }
    /// Waits for readiness and reports it through on_ready() and settle().
    virtual void collect(time_point now, time_point deadline) noexcept = 0;
    /// Tries an operation that is thought to be ready. \return its outcome (-EAGAIN: not ready, -ENOBUFS: no buffer),
    /// or nothing if it joined a batch whose outcome comes through settle().
    virtual std::optional<std::int32_t> attempt(operation& op, descriptor_state& state) noexcept;
    /// Starts an operation on a file. By default: a blocking call on the worker pool.
    virtual submitted submit_file(operation& op) noexcept;
    /// Asked to cancel an operation of a batch or of submit_file(); by default it just ends at completion.
    virtual void cancel_attempt(operation& op) noexcept { static_cast<void>(op); }
    /// A descriptor was opened (by socket, accept, open, adopt or pipe).
    virtual void opened(std::int32_t fd, descriptor_state& state, const operation& by) noexcept;
    /// Whether a descriptor of this number, just opened, can be watched. \return 0, or the error that the operation
    /// ends with; the descriptor is then closed.
    virtual std::int32_t admit(std::int32_t fd) noexcept { return static_cast<void>(fd), 0; }
    /// Takes a connection from the backlog; the mechanism answers for its number. \return as call().
    virtual std::int32_t accept_one(accept_op& op) noexcept;

    // --- What the adaptor offers a mechanism ---

    void on_ready(std::int32_t fd, std::uint32_t generation, readiness what) noexcept;
    /// The descriptor turned out not to be pollable after watch() had accepted it: its waiter goes the way of files.
    void not_pollable(std::int32_t fd, direction side) noexcept;
    /// The outcome of an attempt that had joined a batch, or of a file operation of the mechanism's own.
    void settle(operation& op, std::int32_t outcome) noexcept;
    /// A file operation of the mechanism's own that turned out to need a thread.
    void hand_to_pool(operation& op) noexcept { offload_->take_over(op); }
    /// The plain call, with a buffer from the pool where one is needed.
    std::int32_t call_now(operation& op) noexcept;

    completions& out() noexcept { return *out_; }
    bool anything_to_deliver() const noexcept {
        return !out_->empty() || offload_->anything_done() || sleepers_->anything_done() ||
               (files_ != nullptr && files_->anything_done());
    }
    descriptor_table& descriptors() noexcept { return descriptors_; }
    buffer_pool& buffers() noexcept { return buffers_; }
    capability_table& mutable_capabilities() noexcept { return capabilities_; }
    waker waker_;
    backend_statistics counted_;  // what the mechanism counts; the adaptor fills in the rest

  private:
    /// Where an operation under way is; kept in operation::backend_flags.
    enum place : std::uint8_t { nowhere, waiting, attempting, parked, offloaded, asleep };
    static constexpr std::uint8_t place_mask = 0x0f;
    static constexpr std::uint8_t connect_started = 0x10;
    /// It was reported ready while its attempt was in a batch. Whether that was before or after the kernel carried the
    /// attempt out is not known, so its "not ready" is not believed.
    static constexpr std::uint8_t readied = 0x20;

    static_assert(((zero_copy_sends::lends | zero_copy_sends::only_copies) &
                   (place_mask | connect_started | readied)) == 0);

    static place place_of(const operation& op) noexcept { return static_cast<place>(op.backend_flags & place_mask); }
    static void set_place(operation& op, place p) noexcept {
        op.backend_flags = static_cast<std::uint8_t>((op.backend_flags & ~place_mask) | p);
    }
    static direction side_of(const operation& op) noexcept;

    submitted submit_immediate(operation& op) noexcept;
    std::int32_t make_immediate(operation& op) noexcept;
    submitted submit_waiting(operation& op) noexcept;
    submitted to_file_path(operation& op) noexcept;
    bool worth_trying(const operation& op, const descriptor_state& state) const noexcept;
    /// Attempts, and if that must wait, waits. \return the final outcome, or nothing if it goes on.
    std::optional<std::int32_t> proceed(operation& op, descriptor_state& state) noexcept;
    std::optional<std::int32_t> after_attempt(operation& op, descriptor_state& state, std::int32_t outcome) noexcept;
    std::optional<std::int32_t> start_waiting(operation& op, descriptor_state& state) noexcept;
    void learn_from(const operation& op, descriptor_state& state, std::int32_t outcome) noexcept;
    void conclude(operation& op, std::int32_t outcome) noexcept;
    void note_opened(operation& op) noexcept;
    std::int32_t admit_opened(operation& op) noexcept;
    void retry_parked() noexcept;
    void collect_files() noexcept;

    // readiness_zero_copy.cpp: sends whose memory the kernel has borrowed. Only if there is a zero_copy_.
    bool is_for_zero_copy(operation& op, const descriptor_state& state) noexcept;
    /// As proceed(), which may also mean that what it has come to is told when the memory is back.
    std::optional<std::int32_t> proceed_by_lending(operation& op, descriptor_state& state) noexcept;
    void collect_returned() noexcept;
    bool watch_notices() noexcept;
    /// Whether the next wait is ended by what comes into an error queue.
    bool hears_notices() noexcept;
    void on_returned(send_op& op) noexcept;
    /// Cancels one whose memory the kernel has: the bytes are in the socket, and a peer that reads nothing keeps them
    /// there for ever, so the connection is reset. \return true if the memory is back and more was to be sent: then it
    /// is cancelled as others are.
    bool end_lending(send_op& op, completions& out) noexcept;

    buffer_pool& buffers_;
    capability_table capabilities_;
    descriptor_table descriptors_;
    std::array<list<operation>, most_buffer_classes> parked_;  // by the class of the buffers they wait for
    completions* out_ = nullptr;
    std::optional<offload> offload_;
    std::optional<sleepers> sleepers_;
    std::unique_ptr<file_path> files_;            // null: the pool alone
    std::unique_ptr<zero_copy_sends> zero_copy_;  // null: all sends are copied
    std::string zero_copy_text_ = "not asked for";
};

}  // namespace penstock::detail

// A loop's way into the simulated machine.
#pragma once

#include "backend/backend.hpp"
#include "backend/simulated/world.hpp"

#include <array>
#include <atomic>
#include <expected>
#include <memory>
#include <vector>

namespace penstock::detail {

class simulated_backend final : public backend, public machine {
  public:
    simulated_backend(const backend_environment& environment, std::shared_ptr<simulated_world> in);
    ~simulated_backend() override;
    simulated_backend(const simulated_backend&) = delete;
    simulated_backend& operator=(const simulated_backend&) = delete;

    std::string_view name() const noexcept override { return "simulated"; }
    const capability_table& capabilities() const noexcept override { return capabilities_; }
    submitted submit(operation& op) noexcept override;
    void flush() noexcept override {}
    void wait(time_point now, time_point deadline, completions& out) noexcept override;
    void cancel(operation& op, completions& out) noexcept override;
    void wake() noexcept override;
    backend_statistics statistics() const noexcept override;
    std::vector<feature_report> features() const override;
    machine* own_machine() noexcept override { return this; }

    time_point now() const noexcept override { return world_->now(); }
    bool submit_job(job& work) noexcept override;
    bool withdraw_job(job& work) noexcept override;
    void spend(std::uint64_t items) noexcept override;
    void remove_file(const char* path) noexcept override { world_->disk().remove(path); }

    // --- For the world and what is in it

    simulated_world& world() const noexcept { return *world_; }
    /// What an operation waits for may be there. \return whether it goes on with that.
    bool on_ready(operation& op) noexcept;
    /// The time that a file or a job takes is over.
    void on_time_over(std::uint64_t number) noexcept;
    void run_a_job() noexcept;
    /// Whether a wait() would bring something now.
    bool has_work() const noexcept;
    bool can_unpark() const noexcept;

  private:
    /// Where an operation under way is; kept in operation::backend_flags.
    enum place : std::uint8_t { nowhere, waiting, due, attempting, parked, taking_time, lost };
    static constexpr std::uint8_t place_mask = 0x0f;
    static constexpr std::uint8_t begun = 0x10;  ///< a connect

    /// An outcome: neither final nor anything to wait for, try again with the next wait().
    static constexpr std::int32_t once_more = INT32_MIN;

    static place place_of(const operation& op) noexcept { return static_cast<place>(op.backend_flags & place_mask); }
    static void set_place(operation& op, place p) noexcept {
        op.backend_flags = static_cast<std::uint8_t>((op.backend_flags & ~place_mask) | p);
    }
    waiting_operation* slot_of(const operation& op) noexcept;

    submitted submit_waiting(operation& op) noexcept;
    submitted submit_slow(operation& op) noexcept;
    submitted submit_sleeping(futex_wait_op& op) noexcept;
    /// Puts it where its outcome says. \return whether that was final.
    bool settle(operation& op, std::int32_t outcome) noexcept;
    void collect(completions& out) noexcept;
    void attempt(operation& op, completions& out) noexcept;
    bool goes_on(const operation& op, std::int32_t outcome) noexcept;
    void finish(operation& op, std::int32_t result, completions& out) noexcept;
    void make_good(completions& out) noexcept;
    void note(const operation& op, std::string_view what) noexcept;
    void note(const operation& op, std::string_view what, std::int32_t result) noexcept;

    // The calls (calls.cpp). -EAGAIN: must wait. -ENOBUFS: for a buffer.
    std::int32_t carry_out(operation& op) noexcept;
    std::int32_t socket(const socket_op& op);
    std::int32_t accept(accept_op& op);
    std::int32_t connect(connect_op& op);
    std::int32_t receive(receive_op& op) noexcept;
    std::int32_t send(send_op& op) noexcept;
    std::int32_t send_message(send_message_op& op);
    std::int32_t receive_message(receive_message_op& op);
    std::int32_t splice(const splice_op& op);
    std::int32_t tee(const tee_op& op);
    std::int32_t poll(const poll_op& op) noexcept;
    std::int32_t open(const open_op& op);
    std::int32_t status(status_op& op);
    std::int32_t change_name(operation& op);
    std::int32_t change_two_names(operation& op);
    std::expected<relative_path, std::int32_t> place_of(handle directory, const char* path) const;
    std::int32_t close(const close_op& op) noexcept;
    std::int32_t pipe(pipe_op& op);
    std::int32_t signals(const signals_op& op);
    /// Null if there is no such handle, or if it is that of something else.
    template <class Resource>
    std::shared_ptr<Resource> find(handle h) const noexcept {
        return std::dynamic_pointer_cast<Resource>(world_->handles().find(h));
    }

    std::shared_ptr<simulated_world> world_;
    buffer_pool& buffers_;
    capability_table capabilities_;
    std::size_t most_jobs_;
    std::uint32_t number_;  // of this loop, in the trace
    list<operation> due_;
    std::array<list<operation>, most_buffer_classes> parked_;  // by the class of the buffers they wait for
    list<operation> taking_time_;
    list<operation> lost_;  // dropped completions, until behave()
    std::vector<operation*> batch_;
    std::vector<std::byte> bounce_;  // for splice and tee
    std::vector<std::uint16_t> leaked_;
    list<job> jobs_;
    std::size_t job_count_ = 0;
    std::uint64_t enters_ = 0;
    std::uint64_t parked_count_ = 0;
    std::uint32_t slow_ = 0;
    bool made_good_ = false;
    std::atomic<bool> woken_{false};
};

}  // namespace penstock::detail

// What PENSTOCK_TEST_FAULT puts the conformance suite under: which fault, when it strikes, and how often it has.
//
// Decisions come from a seed (PENSTOCK_TEST_SEED), the case's name and the order in which threads first ask, so a case
// on one thread meets the same faults each time. The calls that are struck are in tests/faults.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::testing {

enum class fault : std::uint8_t {
    none,
    short_transfers,    ///< less is moved, submitted or taken than was asked for
    interrupted,        ///< EINTR, and a wait that ends for nothing
    again,              ///< EAGAIN although there was readiness; io_uring_enter refuses with EAGAIN or EBUSY
    no_buffers,         ///< a pool of few buffers; the kernel refuses to register some rings of them
    tiny_queues,        ///< every queue as small as it may be, the completion queue of io_uring too
    full_signal_queue,  ///< no more signals can be queued for this user (RLIMIT_SIGPENDING)
    no_aio_slots,       ///< io_setup and io_submit answer EAGAIN
};

/// What the environment asks for; nothing if it is no name of a fault.
std::optional<fault> wanted_fault();
/// All names, for a message.
std::string fault_names();

/// From here to end_faults() the wanted fault strikes. `name` is the case's.
void begin_faults(std::string_view name);
void end_faults();

/// A number of this thread's own sequence.
std::uint64_t random_number() noexcept;

/// One place where one fault can strike. Has static storage; counts for the report at the end of the program.
class fault_point {
  public:
    constexpr fault_point(const char* name, fault what) noexcept : name_(name), what_(what) {}
    fault_point(const fault_point&) = delete;
    fault_point& operator=(const fault_point&) = delete;

    /// Whether it does this time: one in eight.
    bool strikes() noexcept;
    /// It struck `times` times by other means than chance.
    void note(std::uint64_t times) noexcept;

    const char* name() const noexcept { return name_; }
    fault what() const noexcept { return what_; }
    std::uint64_t struck() const noexcept { return struck_; }
    std::uint64_t asked() const noexcept { return asked_; }
    const fault_point* next() const noexcept { return next_; }

  private:
    void enlist() noexcept;

    const char* name_;
    fault what_;
    std::atomic<bool> enlisted_{false};
    std::atomic<std::uint64_t> asked_{0};
    std::atomic<std::uint64_t> struck_{0};
    fault_point* next_ = nullptr;
};

}  // namespace penstock::testing

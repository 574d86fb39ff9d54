// The real-time signal by which descriptors tell one loop, and SIGIO, which the kernel sends instead when the queue of
// signals is full.
#pragma once

#include <penstock/result.hpp>

#include <csignal>
#include <cstdint>
#include <expected>
#include <string_view>

namespace penstock::detail {

/// A signal of one loop, for as long as this lives: no other loop of the thread has it, and it and SIGIO are blocked
/// in the thread. Made and ended on that thread; the end restores what was blocked, so what is queued must have been
/// taken out before.
class ready_signal {
  public:
    /// `wanted`: backend_options::ready_signal. \return the signal, or why there is none.
    static std::expected<ready_signal, setup_error> take(int wanted);

    ready_signal(ready_signal&& other) noexcept;
    ready_signal& operator=(ready_signal&&) = delete;
    ready_signal(const ready_signal&) = delete;
    ready_signal& operator=(const ready_signal&) = delete;
    ~ready_signal();

    int number() const noexcept { return number_; }
    /// For capability::why: `told by signal 34`. Static text.
    std::string_view text() const;
    /// This one and SIGIO.
    ::sigset_t both() const noexcept;

    /// A thread has one SIGIO, whichever of its loops meets it: how many were met here.
    static std::uint64_t overflows_here() noexcept;
    static void note_overflow() noexcept;

  private:
    explicit ready_signal(int number) noexcept;

    int number_;
    bool was_blocked_;
};

}  // namespace penstock::detail

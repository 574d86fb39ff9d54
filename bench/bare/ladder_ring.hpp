#pragma once

#include "../support/arguments.hpp"

#include <liburing.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// io_uring with as many of its features as are asked for, so that `tools/bench ladder` can add one at a time.
namespace bench {

struct ladder_features {
    bool ring_fd = false;      // the ring is known by a number of its own, and not looked up as a descriptor
    bool coop = false;         // COOP_TASKRUN: completions do not interrupt the program
    bool defer = false;        // DEFER_TASKRUN: they are finished when the program asks for them
    bool multishot = false;    // accept and receive go on; buffers are picked from a group
    bool buffer_ring = false;  // and given back through shared memory, not by an operation
    bool direct = false;       // sockets have no number in the process, only a slot of the ring
    bool bundles = false;      // one completion tells of several buffers
    bool min_wait = false;     // waits a while for more than one completion
    bool sqpoll = false;       // a thread of the kernel looks for entries
    bool spin = false;         // the program looks for completions without asking the kernel to wait
    bool files = false;        // registered files
    bool buffers = false;      // registered buffers
    bool huge_pages = false;   // which lie in one huge page
    bool iopoll = false;       // completions are looked for at the device, without interrupts
    unsigned batch = 1;        // completions to wait for
    std::optional<unsigned> sq_core;

    // From --with FEATURE,..., --batch and --sq-core. What is wrong with them, if something is.
    std::optional<std::string> read(const arguments& given);

  private:
    std::optional<std::string> read_words(std::string_view text);
};

// Ends the program: what is asked for is not to be had here. `tools/bench ladder` leaves the rung out and says why.
[[noreturn]] void not_here(std::string_view what);

class ladder_ring {
  public:
    ladder_ring(const ladder_features& with, unsigned entries);
    ladder_ring(const ladder_ring&) = delete;
    ladder_ring& operator=(const ladder_ring&) = delete;

    [[nodiscard]] io_uring& native() { return ring_; }

    // The next entry, zeroed by who fills it in. With a full queue what is in it is submitted first.
    [[nodiscard]] io_uring_sqe& prepare();

    // Submits what was prepared and waits for `wanted` completions, or for one if the features say so.
    void turn(unsigned wanted);

  private:
    void set_up(unsigned flags, unsigned entries);
    unsigned publish();
    void turn_beside_thread(unsigned wanted);
    void enter(unsigned to_submit, unsigned wanted, unsigned flags);
    [[nodiscard]] unsigned completions() const;

    io_uring ring_{};
    ladder_features with_;
    unsigned enter_flags_ = 0;
};

// How many times io_uring_enter(2) was called. On SIGUSR1 the program prints `enters N`.
void report_enters_on_signal();
[[nodiscard]] std::uint64_t enters_so_far();

}  // namespace bench

// What can happen to a call that moves bytes or takes a connection.
#pragma once

#include "support/faults.hpp"

#include <cstddef>

namespace penstock::testing {

/// One for each function that is shimmed.
class struck_call {
  public:
    constexpr explicit struck_call(const char* name) noexcept
        : interrupted_(name, fault::interrupted), again_(name, fault::again), short_(name, fault::short_transfers) {}

    /// Whether to answer an error, which is in errno then, and not to make the call at all. EAGAIN is for those only
    /// that do not sleep.
    bool refused(int fd, bool may_sleep) noexcept;
    /// How much to ask for instead of `size`: at least `least`, unless it is less anyway.
    std::size_t less(int fd, std::size_t size, std::size_t least) noexcept;
    /// How many messages to send instead of `count`: at least one.
    unsigned fewer(int fd, unsigned count) noexcept;

  private:
    fault_point interrupted_;
    fault_point again_;
    fault_point short_;
};

/// Whether the descriptor is in blocking mode.
bool may_sleep(int fd) noexcept;
/// Whether what is not taken now can be taken later: not so of a datagram.
bool is_stream(int fd) noexcept;
/// Whether it is a datagram socket between paths, which nobody waits for: "not now" is told to the program.
bool never_waits(int fd) noexcept;
/// As `size`, but a multiple of a block, which a file open with O_DIRECT wants; for what is larger than one.
std::size_t whole_blocks(std::size_t size) noexcept;

inline constexpr std::size_t block = 4096;
/// Messages of the cases are smaller, and many cases expect such a one to come in a piece, as it does over loopback.
inline constexpr std::size_t least_piece = 512;

}  // namespace penstock::testing

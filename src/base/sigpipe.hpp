// Loop threads block SIGPIPE: a peer that went away is an error value, not a signal.
#pragma once

#include <csignal>

namespace penstock::detail {

/// Blocks SIGPIPE for its lifetime and swallows one that came meanwhile (writes by native AIO and splice raise it).
class sigpipe_block {
  public:
    sigpipe_block() noexcept;
    ~sigpipe_block();
    sigpipe_block(const sigpipe_block&) = delete;
    sigpipe_block& operator=(const sigpipe_block&) = delete;

  private:
    bool was_blocked_ = false;
    bool was_pending_ = false;
};

}  // namespace penstock::detail

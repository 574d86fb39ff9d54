// Work for the loop's worker pool.
#pragma once

#include <penstock/detail/intrusive_list.hpp>

namespace penstock::detail {

/// Something to do on a worker. `run` is called once, on a worker's thread, and must not throw; what it reports, it
/// reports through its own means (a mailbox of the loop). While it waits, the pool links it, so queueing allocates
/// nothing.
struct job : list_hook {
    void (*run)(job&) noexcept = nullptr;
    const char* name = "";  ///< static; named when it hangs at shutdown
};

}  // namespace penstock::detail

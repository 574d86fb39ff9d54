// Work for the loop's worker pool.
#pragma once

namespace penstock::detail {

/// Something to do on a worker. `run` is called once, on a worker's thread, and must not throw; what it reports, it
/// reports through its own means (a mailbox of the loop).
struct job {
    void (*run)(job&) noexcept = nullptr;
    const char* name = "";  ///< static; named when it hangs at shutdown
};

}  // namespace penstock::detail

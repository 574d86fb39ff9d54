// One worker's part of the gate: its listeners, its sessions, and how they end.
#pragma once

#include "config/options.hpp"
#include "session/worker.hpp"
#include <penstock/listener.hpp>
#include <penstock/result.hpp>
#include <penstock/scope.hpp>
#include <penstock/serve.hpp>
#include <penstock/task.hpp>

#include <atomic>
#include <cstddef>
#include <vector>

namespace tinygate {

/// Made, used and destroyed on its loop's thread.
class station {
  public:
    /// \param still_open how many stations have listeners that are not closed; lives longer
    /// \param outside lives longer, too
    station(const options& asked, const environment& outside, std::atomic<std::size_t>& still_open);

    /// Opens the access log, then binds every address: once one is bound, clients come. Port 0 is what the station
    /// before has got. A Unix path can't be shared, so the first serves it alone.
    penstock::task<std::expected<void, penstock::setup_error>> bind(std::vector<penstock::endpoint>& addresses,
                                                                    bool first);

    /// Serves until stop(); ends when the last session has.
    penstock::task<penstock::result<void>> serve();

    /// Begins the end, also before serve() has begun. From the loop's thread only, as abandon().
    void stop() noexcept;

    /// Cuts short what is under way.
    void abandon() noexcept { worker_.clock.stop(); }

  private:
    void begin_end() noexcept;
    penstock::task<> announce_end();
    penstock::task<> serve_one(penstock::net::listener& door, penstock::net::serve_options how,
                               penstock::result<void>& outcome);

    const options settings_;
    worker worker_;
    std::vector<penstock::net::listener> listeners_;
    penstock::scope* doors_ = nullptr;
    penstock::scope* background_ = nullptr;
    std::atomic<std::size_t>& still_open_;
};

}  // namespace tinygate

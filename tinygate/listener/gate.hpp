// The gate as a whole: a station on each of several loops, whoever drives them.
#pragma once

#include "config/environment.hpp"
#include "config/options.hpp"
#include "listener/station.hpp"
#include <penstock/loop.hpp>
#include <penstock/result.hpp>
#include <penstock/signals.hpp>
#include <penstock/task.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace tinygate {

/// Each loop runs open() once, one loop after the other, and then all run serve(): on threads of their own, or in turn
/// on one. Knows no clock but the loops', and of the process only its environment.
class gate {
  public:
    /// \param loops one station each; as the environment, they live longer
    gate(options asked, environment outside, std::vector<penstock::loop*> loops);
    ~gate();
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;

    /// Makes the station of loop `i`, on that loop, and binds its listeners. Port 0 is what the one before has got.
    /// \return one line about what could not be had; then every station must be closed.
    penstock::task<std::expected<void, penstock::setup_error>> open(std::size_t i);
    /// Undoes open() without serving. On that loop.
    void close(std::size_t i) noexcept { stations_[i].reset(); }
    /// Serves on loop `i`, on that loop, until SIGTERM or SIGINT has come, which loop 0 waits for, and the drain has
    /// ended. A second signal cuts the drain short. \return an error if a listener or the signals were lost.
    penstock::task<penstock::result<void>> serve(std::size_t i);

    /// Where it listens, once the first station is open.
    const std::vector<penstock::endpoint>& addresses() const noexcept { return addresses_; }

  private:
    using step = void (station::*)() noexcept;

    penstock::task<penstock::result<void>> serve_one(std::size_t i);
    penstock::task<> await_the_end(penstock::signals& ending);
    penstock::task<> tell_all(step what);
    void tell_those_left(step what, std::vector<bool>& told);

    const options asked_;
    const environment outside_;
    const std::vector<penstock::loop*> loops_;
    std::vector<penstock::endpoint> addresses_;
    std::atomic<std::size_t> still_open_ = 0;
    std::atomic<std::size_t> serving_;
    /// At the index of its loop, which alone touches it; empty where there is none yet or any more.
    std::vector<std::unique_ptr<station>> stations_;
};

}  // namespace tinygate

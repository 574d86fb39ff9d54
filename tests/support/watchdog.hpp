// A case that hangs fails, with its name and what its loop was doing, instead of hanging the suite.
#pragma once

#include <penstock/loop.hpp>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace penstock::testing {

/// One per program; its thread sleeps until a case has taken too long. Then it asks the case's loop for its
/// statistics and to stop, which fails the case but lets the suite go on. If that does not help it ends the program.
class watchdog {
  public:
    static watchdog& instance();

    void start(std::string name);
    void stop();
    /// The loop that the case runs now; null before it ends.
    void watch(loop* l);

  private:
    enum class stage { off, running, stopping };

    watchdog() : thread_(&watchdog::guard, this) { thread_.detach(); }
    void guard();
    void on_expired(std::unique_lock<std::mutex>& held);

    std::mutex mutex_;
    std::condition_variable changed_;
    stage stage_ = stage::off;
    std::chrono::steady_clock::time_point limit_;
    std::string name_;
    loop* watched_ = nullptr;
    std::thread thread_;
};

/// Shows a loop to the watchdog for as long as it lives; goes out of scope before the loop does.
class watched {
  public:
    explicit watched(loop& l) { watchdog::instance().watch(&l); }
    ~watched() { watchdog::instance().watch(nullptr); }
    watched(const watched&) = delete;
    watched& operator=(const watched&) = delete;
};

/// Every figure of a loop, one per line.
std::string describe(const loop_statistics& s);

}  // namespace penstock::testing

// The access log: one JSON object per request and line, written in the background.
#pragma once

#include "config/environment.hpp"
#include <penstock/file.hpp>
#include <penstock/loop.hpp>
#include <penstock/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tinygate {

/// What is told of one exchange. The views need only live for the call that takes them.
struct access_entry {
    std::string_view client;  ///< address without port
    std::string_view method;
    std::string_view target;
    std::string_view host;
    std::string_view upstream;   ///< empty if none was reached
    std::string_view failure;    ///< why it did not go as it should; empty if it did
    std::uint16_t status = 0;    ///< as sent to the client; 0 if nothing was
    std::uint64_t received = 0;  ///< bytes of the request's body
    std::uint64_t sent = 0;      ///< bytes of the response's body
    penstock::time_point began{};
    penstock::time_point ended{};
};

/// One worker's log. Lines go into a buffer and from there to the file, whole lines per write, so that workers that
/// append to one file do not mix theirs: every quarter of a second, and sooner when the buffer is half full. Lines that
/// find it full are dropped and counted, and the next line that is written says how many.
class access_log {
  public:
    /// \param outside lives longer
    access_log(std::size_t most_buffered, const environment& outside) : outside_(outside), most_(most_buffered) {}

    /// Opens `path` for appending; without it, add() does nothing.
    penstock::task<penstock::result<void>> open(std::string path);
    bool enabled() const noexcept { return enabled_; }

    void add(const access_entry& entry);
    /// Writes what add() leaves, until cancelled; then the rest.
    penstock::task<> write_until_cancelled();

  private:
    char* write(char* to, const access_entry& entry);
    penstock::task<> flush();
    void set_clock();
    std::string_view time_of(penstock::time_point when);

    const environment& outside_;
    penstock::fs::file file_;
    std::string lines_;
    std::string writing_;
    std::size_t most_;
    std::uint64_t dropped_ = 0;  // lines, since one was last written that says so
    bool enabled_ = false;
    bool failing_ = false;  // the last write did

    penstock::detail::cancel_state* half_full_ = nullptr;  // ends the wait for the next flush

    wall_time::duration wall_at_zero_{0};  // what the loop's clock is behind the wall's
    // The text of a second is made once.
    std::int64_t second_ = -1;
    char time_[32] = {};
};

}  // namespace tinygate

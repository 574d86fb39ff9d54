#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace bench {

// When requests are sent. Without a rate, whenever a connection is free. With one, request i is due i/rate after the
// beginning, whatever has become of those before it: an answer that is late postpones nothing, so the requests that
// had to wait for it are counted as late, too.
class pace {
  public:
    using clock = std::chrono::steady_clock;

    // `rate` in requests per second; 0: none.
    pace(double rate, double seconds) : rate_{rate}, seconds_{seconds} {}

    void begin(clock::time_point now) {
        began_ = now;
        issued_ = 0;
    }

    // Takes a request that is due, and says when it was meant to be sent.
    std::optional<clock::time_point> take(clock::time_point now) {
        if (over(now) || (rate_ > 0 && next() > now)) {
            return std::nullopt;
        }
        const auto intended = rate_ > 0 ? next() : now;
        ++issued_;
        return intended;
    }

    // No other request will become due.
    [[nodiscard]] bool over(clock::time_point now) const {
        return rate_ > 0 ? static_cast<double>(issued_) >= rate_ * seconds_ : now >= began_ + duration(seconds_);
    }

    // When the next request is due, if there is a rate.
    [[nodiscard]] clock::time_point next() const {
        return began_ + duration(static_cast<double>(issued_) / (rate_ > 0 ? rate_ : 1));
    }

    [[nodiscard]] bool has_rate() const { return rate_ > 0; }

  private:
    static clock::duration duration(double seconds) {
        return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
    }

    double rate_;
    double seconds_;
    std::uint64_t issued_ = 0;
    clock::time_point began_;
};

}  // namespace bench

#pragma once

#include "load/message_source.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bench {

// One connection of the load: a stream of messages there, and the same bytes back. Several may be under way.
class echo_stream {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    // A connected socket. At most `depth` messages are under way at once.
    echo_stream(int descriptor, std::size_t index, std::size_t depth)
        : descriptor_{descriptor}, index_{index}, begun_(depth) {}

    [[nodiscard]] int descriptor() const { return descriptor_; }
    [[nodiscard]] std::size_t under_way() const { return static_cast<std::size_t>(started_ - completed_); }
    [[nodiscard]] bool is_full() const { return under_way() == begun_.size(); }
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

    // Puts one more message under way, whose time runs from `begin`; flush() sends it.
    void start(time_point begin, const message_source& source) {
        begun_[started_ % begun_.size()] = begin;
        ++started_;
        unsent_ += source.size();
    }

    // Sends what the socket takes. \return false if the connection is broken.
    bool flush(const message_source& source);

    // Receives and compares what is there, and calls `completed(begin)` for each message that is whole. \return false
    // if the connection is broken or the bytes are not those that were sent.
    template <class Completed>
    bool receive(const message_source& source, std::span<std::byte> buffer, Completed completed) {
        while (under_way() > 0) {
            const long count = receive_some(source, buffer);
            if (count <= 0) {
                return count == 0;
            }
            std::size_t left = static_cast<std::size_t>(count);
            std::size_t at = 0;
            while (left > 0) {
                const std::size_t part = left < source.size() - received_ ? left : source.size() - received_;
                if (!is_expected(source, buffer.subspan(at, part))) {
                    return false;
                }
                received_ += part;
                at += part;
                left -= part;
                if (received_ == source.size()) {
                    received_ = 0;
                    completed(begun_[completed_++ % begun_.size()]);
                }
            }
            if (at < buffer.size()) {
                return true;  // the socket is empty: what comes now makes an edge
            }
        }
        return true;
    }

    // Leaves without a trace in the kernel: no connection stays behind in TIME_WAIT.
    void close();

  private:
    // Bytes; 0 if there are none now, negative if the connection is broken.
    long receive_some(const message_source& source, std::span<std::byte> buffer) const;
    [[nodiscard]] bool is_expected(const message_source& source, std::span<const std::byte> part) const;

    int descriptor_;
    std::size_t index_;
    std::uint64_t started_ = 0;
    std::uint64_t completed_ = 0;  // numbers the messages, so that a late echo of an earlier one is noticed
    std::size_t unsent_ = 0;       // bytes of the started messages
    std::size_t received_ = 0;     // bytes of the first that is under way
    std::vector<time_point> begun_;
};

}  // namespace bench

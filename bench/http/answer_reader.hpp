#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

// Reads answers of HTTP/1.1 that have a Content-Length, piece by piece and one at a time.
class answer_reader {
  public:
    enum class state : std::uint8_t { incomplete, complete, broken };

    // The next bytes that came. More than the answer is long is broken: nobody has asked for another.
    state take(std::string_view piece);

    // For the next answer.
    void reset();

    [[nodiscard]] unsigned status() const { return status_; }
    [[nodiscard]] std::uint64_t length() const { return length_; }  // of the body, in bytes

  private:
    bool read_head(std::string_view head);

    std::string begun_;  // a head that has not come whole
    bool in_body_ = false;
    unsigned status_ = 0;
    std::uint64_t length_ = 0;
    std::uint64_t left_ = 0;
};

}  // namespace bench

// Which requests are answered at length, as far as is known from the last time.
#pragma once

#include <bitset>
#include <cstddef>
#include <functional>
#include <string_view>

namespace tinygate {

/// Remembers by request line, in a table that does not grow: two that share a place are taken for one, which costs them
/// speed and nothing else.
class long_answers {
  public:
    using place = std::size_t;
    /// \param head of the request, or at least its first line
    static place place_of(std::string_view head) noexcept {
        return std::hash<std::string_view>{}(head.substr(0, head.find('\r'))) % places;
    }

    bool expected(place p) const noexcept { return seen_[p]; }
    void note(place p, bool is_long) noexcept { seen_[p] = is_long; }

  private:
    static constexpr std::size_t places = 4096;
    std::bitset<places> seen_;
};

}  // namespace tinygate

// The record of a simulation: a line for each thing that happened, and a hash over all lines.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::detail {

class trace {
  public:
    /// `limit`: of the text, no more than the latest bytes are kept (to within half).
    trace(bool keep_text, std::size_t limit) noexcept : limit_(limit), keeps_(keep_text) {}

    /// A line on its way; it is part of the trace when it ends. What does not fit is cut off.
    class line {
      public:
        explicit line(trace& owner) noexcept : owner_(owner) {}
        ~line() { owner_.add({bytes_.data(), size_}); }
        line(const line&) = delete;
        line& operator=(const line&) = delete;

        line& operator<<(std::string_view text) noexcept;
        line& operator<<(std::same_as<char> auto letter) noexcept { return *this << std::string_view(&letter, 1); }
        line& operator<<(const char* text) noexcept { return *this << std::string_view(text); }
        line& operator<<(std::int64_t number) noexcept;

      private:
        trace& owner_;
        std::size_t size_ = 0;
        std::array<char, 160> bytes_;  // filled as far as size_
    };

    std::uint64_t hash() const noexcept { return hash_; }
    const std::string& text() const noexcept { return text_; }

  private:
    void add(std::string_view one) noexcept;

    std::string text_;
    std::size_t limit_;
    std::uint64_t hash_ = 0xcbf2'9ce4'8422'2325;  // FNV-1a
    bool keeps_;
};

}  // namespace penstock::detail

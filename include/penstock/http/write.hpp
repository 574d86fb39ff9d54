// Writing heads and chunk framing of HTTP/1 into memory of the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace penstock::http {

/// Appends a message head to a fixed piece of memory. What does not fit is not written, and ok() is false from then on:
/// a check at the end is enough. Checks no syntax: values come from a parsed head, or from who vouches for them.
class head_writer {
  public:
    /// `into` must outlive the writer and what text() has returned.
    explicit head_writer(std::span<char> into) noexcept
        : begin_(into.data()), at_(begin_), end_(begin_ + into.size()) {}

    /// The bytes of `piece`, as they are. All or nothing.
    head_writer& raw(std::string_view piece) noexcept {
        if (piece.size() > static_cast<std::size_t>(end_ - at_)) return refuse();
        if (!piece.empty()) std::memcpy(at_, piece.data(), piece.size());
        at_ += piece.size();
        return *this;
    }
    /// `value` in decimal.
    head_writer& number(std::uint64_t value) noexcept;
    /// `name: value` and the end of the line.
    head_writer& field(std::string_view name, std::string_view value) noexcept {
        return raw(name).raw(": ").raw(value).raw("\r\n");
    }
    /// The empty line that ends a head.
    head_writer& end() noexcept { return raw("\r\n"); }

    /// Whether everything has fitted.
    bool ok() const noexcept { return ok_; }
    /// What was written; of use only if ok().
    std::string_view text() const noexcept { return {begin_, at_}; }

  private:
    /// From here on there is room for nothing.
    head_writer& refuse() noexcept {
        end_ = at_;
        ok_ = false;
        return *this;
    }

    char* begin_;
    char* at_;
    char* end_;
    bool ok_ = true;
};

/// The line before a chunk of `size` bytes (RFC 9112 7.1), such as "1a2b\r\n", written into `into`; a view of it.
/// Behind the chunk goes "\r\n".
std::string_view chunk_size_line(std::span<char, 20> into, std::uint64_t size) noexcept;

/// What ends a chunked body without trailers.
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

/// The usual phrase for a status (RFC 9110 15), as in "Not Found"; empty if there is none. Static lifetime.
std::string_view reason_phrase(std::uint16_t status) noexcept;

}  // namespace penstock::http

// Bodies of HTTP/1 messages without I/O: bytes in, runs of the body's bytes out, as views into those bytes.
#pragma once

#include <penstock/http/error.hpp>
#include <penstock/http/field.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace penstock::http {

/// Takes the framing off a body (RFC 9112 6 and 7). A few words of state, no allocation; may be copied.
class body_reader {
  public:
    enum class what : std::uint8_t {
        data,       ///< a run of the body's bytes
        need_more,  ///< nothing can be said before more bytes have come
        end,        ///< the body is over
        failed,     ///< the framing is broken; see failure()
    };
    struct event {
        what kind = what::need_more;
        /// Bytes of `in` that are used up, by framing and data together; never more than `in` has.
        std::size_t consumed = 0;
        /// A view into `in`, never empty, if `kind` is data; empty otherwise.
        std::string_view data;
    };

    /// What left() says of a body without a known length.
    static constexpr std::uint64_t no_length = std::numeric_limits<std::uint64_t>::max();
    /// Bounds of the framing: of one chunk's extensions (bytes), and of the trailers together.
    static constexpr std::uint32_t longest_chunk_extensions = 1024;
    static constexpr std::uint32_t longest_trailers = 8 * 1024;
    static constexpr std::uint32_t most_trailers = 64;

    explicit body_reader(framing body) noexcept;

    /// The next event in `in`, the bytes that follow those consumed so far. Chunk extensions and trailers are checked
    /// and dropped. `end` consumes what the last chunk and the trailers take; the bytes behind are the next message's.
    /// Once `end` or `failed`, it says so again and consumes nothing.
    event next(std::string_view in) noexcept;

    /// No more of the body is to come: the last byte of a known length has been handed out, or `end` was reported.
    bool ended() const noexcept;
    /// What has not been handed out of a body of known length (none: 0); no_length otherwise.
    std::uint64_t left() const noexcept;
    /// `bytes` (at most left()) of a body of known length were moved by other means, such as splice. For a body that
    /// ends with the connection it changes nothing; chunked bodies can't be skipped.
    void skip(std::uint64_t bytes) noexcept;
    /// The connection was closed by the sender: whether that ends the body in order, or cuts it short.
    bool complete_at_close() const noexcept;
    /// Why next() has said `failed`: status 400.
    http::failure failure() const noexcept { return {static_cast<std::uint16_t>(why_.empty() ? 0 : 400), why_}; }

  private:
    /// Where in a chunked body the next byte is; `over` also for the others.
    enum class place : std::uint8_t {
        length,
        until_close,
        size_begin,
        size,
        before_semicolon,
        before_extension,
        extension_name,
        before_equals,
        before_extension_value,
        extension_value,
        extension_quoted,
        extension_quoted_pair,
        behind_extension_value,
        size_line_end,
        chunk,
        chunk_return,
        chunk_line_end,
        trailer_begin,
        trailer_name,
        trailer_value,
        trailer_line_end,
        last_line_end,
        over,
        failed,
    };

    event take_run(std::string_view in, std::size_t used) noexcept;
    event next_of_chunks(std::string_view in) noexcept;
    void step(char byte) noexcept;
    void step_size(char byte) noexcept;
    void step_extension(char byte) noexcept;
    void step_trailer(char byte) noexcept;
    void end_size_line() noexcept;
    void go(place to) noexcept { place_ = to; }
    void refuse(std::string_view why) noexcept;

    std::uint64_t left_ = 0;      // of the body, or of the current chunk
    std::uint32_t framing_ = 0;   // bytes of this chunk's extensions, or of the trailers
    std::uint32_t overhead_ = 0;  // of framing that was not paid for by data
    std::uint8_t digits_ = 0;     // of the chunk size; trailers read so far
    place place_ = place::over;
    std::string_view why_;
};

}  // namespace penstock::http

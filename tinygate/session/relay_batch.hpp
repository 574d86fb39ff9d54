// Pieces of a message on their way from one side to the other, as the slices of one vectored send.
#pragma once

#include <penstock/buffer_pool.hpp>
#include <penstock/http/body.hpp>
#include <penstock/http/write.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tinygate {

/// How the body goes on the wire of the other side.
enum class outgoing_framing : std::uint8_t { as_it_is, chunked };

/// A request's body keeps its framing.
constexpr outgoing_framing framing_of(const penstock::http::framing& body) noexcept {
    return body.kind == penstock::http::body_kind::chunked ? outgoing_framing::chunked : outgoing_framing::as_it_is;
}

/// Filled from what has come, sent, and filled again. The slices are views into what was added.
class relay_batch {
  public:
    void clear() noexcept { count_ = chunks_ = 0; }
    bool empty() const noexcept { return count_ == 0; }
    std::span<const penstock::io_slice> slices() const noexcept { return {slices_.data(), count_}; }

    void add(std::string_view piece) noexcept {
        if (!piece.empty()) slices_[count_++] = penstock::io_slice(piece);
    }

    /// Makes one piece of all: behind the first, which lies at the beginning of `room`, the others are copied. What
    /// they were views into can then be used for something else, and sending one piece costs the kernel less than
    /// several.
    /// \return false, and nothing is changed, if the first lies elsewhere or they do not fit.
    bool join(std::span<char> room) noexcept;

    struct collected {
        penstock::http::body_reader::what last;  ///< data: there is more in `in`, for the next batch
        std::size_t consumed;                    ///< of `in`; to be given up once the batch is sent
        std::uint64_t bytes;                     ///< of the body
    };
    /// Adds what `body` finds in `in`, as far as there is room.
    collected collect(penstock::http::body_reader& body, std::string_view in, outgoing_framing framing) noexcept;

  private:
    static constexpr std::size_t most_chunks = 8;
    std::array<penstock::io_slice, 3 * most_chunks + 2> slices_;
    std::array<std::array<char, 20>, most_chunks> sizes_;
    std::size_t count_ = 0;
    std::size_t chunks_ = 0;
};

}  // namespace tinygate

// What a peer has sent and nobody has used yet.
#pragma once

#include <penstock/buffer_pool.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace tinygate {

/// Normally a view into the one lease that came last. Only when something straddles two pieces are they joined, by
/// copying what is left of the first; users bound that by what they wait for.
class input {
  public:
    input() noexcept = default;
    input(input&& other) noexcept { take(other); }
    input& operator=(input&& other) noexcept {
        if (this != &other) take(other);
        return *this;
    }

    bool empty() const noexcept { return rest_.empty(); }
    /// All that is there. Valid until the next put() or release().
    std::string_view view() const noexcept { return rest_; }
    void consume(std::size_t n) noexcept { rest_.remove_prefix(n); }

    /// Appends the next piece.
    void put(penstock::lease piece) {
        if (rest_.empty()) {
            piece_ = std::move(piece);
            rest_ = piece_.text();
            return;
        }
        std::string both;
        both.reserve(rest_.size() + piece.size());
        both.append(rest_).append(piece.text());
        joined_ = std::move(both);
        piece_ = std::move(piece);  // ends the lease before; this one ends here, too
        piece_.reset();
        rest_ = joined_;
    }

    /// Empty now, all that was there being in use; what view() said lies in what is returned, or else in here until the
    /// next put().
    penstock::lease hand_over() noexcept {
        rest_ = {};
        return std::move(piece_);
    }

    /// Gives the buffer back; only when empty.
    void release() noexcept {
        piece_.reset();
        rest_ = {};
    }

  private:
    // A short text lies inside of its string and moves with it.
    void take(input& other) noexcept {
        const bool joined = !other.rest_.empty() && other.rest_.data() >= other.joined_.data() &&
                            other.rest_.data() < other.joined_.data() + other.joined_.size();
        const std::size_t used = joined ? static_cast<std::size_t>(other.rest_.data() - other.joined_.data()) : 0;
        piece_ = std::move(other.piece_);
        joined_ = std::move(other.joined_);
        rest_ = joined ? std::string_view(joined_).substr(used) : other.rest_;
        other.rest_ = {};
    }

    penstock::lease piece_;
    std::string joined_;
    std::string_view rest_;
};

}  // namespace tinygate

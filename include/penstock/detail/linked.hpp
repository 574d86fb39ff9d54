// Operations that are handed to a backend together: each begins when the one before it has ended as it should.
#pragma once

#include <penstock/operation.hpp>
#include <penstock/time.hpp>

#include <array>
#include <cstdint>

namespace penstock::detail {

/// One of them. It and its operation stay where they are until all have had their final completion.
struct linked_operation {
    operation* op = nullptr;
    linked_operation* following = nullptr;
    linked_operation* opener = nullptr;    ///< what opens the handle it works on, earlier in the chain; null: op's own
    duration limit = duration::zero();     ///< for this one, from its beginning; zero: none
    bool hard = false;                     ///< the following one begins however this one ends
    bool expired = false;                  ///< the limit has passed. The backend's, as is what follows
    std::uint8_t outstanding = 0;          ///< completions that are still to come
    std::int32_t outcome = 0;              ///< of those that have
    std::int32_t slot = -1;                ///< of what it opens
    std::array<std::int64_t, 2> period{};  ///< the limit as the kernel reads it
};

/// Whether it makes a handle for those after it.
constexpr bool opens(op_kind kind) noexcept { return kind == op_kind::open || kind == op_kind::socket; }

/// Makes the operation work on `h`.
inline void set_target(operation& op, handle h) noexcept {
    dispatch(op, [h](auto& of_kind) noexcept {
        if constexpr (requires { of_kind.target = h; }) of_kind.target = h;
    });
}

}  // namespace penstock::detail

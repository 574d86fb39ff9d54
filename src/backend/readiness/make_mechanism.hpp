// How a mechanism of readiness begins and ends.
#pragma once

#include "backend/readiness/readiness.hpp"

#include <expected>
#include <memory>
#include <utility>

namespace penstock::detail {

/// A mechanism that ends in order.
template <class Mechanism>
class whole final : public Mechanism {
  public:
    using Mechanism::Mechanism;
    ~whole() override { this->end_offload(); }
    whole(const whole&) = delete;
    whole& operator=(const whole&) = delete;
};

/// Makes one of the environment, a waker and `parts`, and sets it up. \return it, or why it cannot be had here.
template <class Mechanism, class... Parts>
std::expected<std::unique_ptr<backend>, setup_error> make_mechanism(const backend_environment& environment,
                                                                    Parts&&... parts) {
    auto wake = waker::create();
    if (!wake) return std::unexpected(std::move(wake.error()));
    auto made = std::make_unique<whole<Mechanism>>(environment, std::move(*wake), std::forward<Parts>(parts)...);
    if (auto done = made->set_up(environment); !done) return std::unexpected(std::move(done.error()));
    made->set_up_zero_copy(environment.options.zero_copy_from);
    return made;
}

}  // namespace penstock::detail

#include "backend/poll/poll.hpp"

#include "backend/readiness/make_mechanism.hpp"
#include "backend/readiness/poll_array.hpp"
#include "base/setup.hpp"

#include <poll.h>

#include <cerrno>

namespace penstock::detail {
namespace {

class poll_backend : public readiness_backend {
  public:
    poll_backend(const backend_environment& environment, waker wake)
        : readiness_backend(environment, std::move(wake)), array_(descriptors(), {waker_.fd()}) {}

    std::string_view name() const noexcept override { return "poll"; }

    std::expected<void, setup_error> set_up(const backend_environment& environment) override {
        constexpr ::timespec at_once{};
        if (::ppoll(nullptr, 0, &at_once, nullptr) < 0 && errno != EINTR) {
            return std::unexpected(setup_failure("ppoll", errno));
        }
        return readiness_backend::set_up(environment);
    }

  protected:
    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override {
        array_.ask(fd, state, side == direction::write ? poll_array::write_events : poll_array::read_events);
        return 0;
    }

    void unwatch(std::int32_t, descriptor_state& state) noexcept override { array_.forget(state); }

    void collect(time_point now, time_point deadline) noexcept override {
        ++counted_.enters;
        if (array_.wait(wait_time(now, deadline)) <= 0) return;
        if (array_.own_told(0)) waker_.clear();
        array_.tell_of_others([this](std::int32_t fd, const descriptor_state& state, const readiness& what) {
            on_ready(fd, state.generation, what);
        });
    }

  private:
    poll_array array_;
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_poll(const backend_environment& environment) {
    return make_mechanism<poll_backend>(environment);
}

}  // namespace penstock::detail

#include "backend/select/select.hpp"

#include "backend/readiness/make_mechanism.hpp"
#include "base/setup.hpp"
#include "base/unique_fd.hpp"
#include "base/wait_time.hpp"

#include <fcntl.h>
#include <sys/select.h>

#include <array>
#include <bit>
#include <cerrno>

namespace penstock::detail {
namespace {

constexpr std::int32_t no_such_bit = encode(errc::too_many_open_files);

constexpr bool has_a_bit(std::int32_t fd) noexcept { return fd < FD_SETSIZE; }

/// Who is to be told of what; and, after a wait, what there is to tell.
struct descriptor_sets {
    ::fd_set read{};
    ::fd_set write{};
    ::fd_set urgent{};  // what select(2) calls exceptional: urgent data

    bool any(std::int32_t fd) const noexcept {
        return FD_ISSET(fd, &read) || FD_ISSET(fd, &write) || FD_ISSET(fd, &urgent);
    }
};

// Interest is a bit, set by watch() and cleared when it has been told; the adaptor asks again. A descriptor without a
// bit, which is one too large, is closed as soon as it is opened; a connection is not even accepted then.
class select_backend : public readiness_backend {
  public:
    select_backend(const backend_environment& environment, waker wake)
        : readiness_backend(environment, std::move(wake)), end_(waker_.fd() + 1) {
        mutable_capabilities().most_descriptors = FD_SETSIZE;
    }

    std::string_view name() const noexcept override { return "select"; }

    std::expected<void, setup_error> set_up(const backend_environment& environment) override {
        constexpr ::timespec at_once{};
        if (::pselect(0, nullptr, nullptr, nullptr, &at_once, nullptr) < 0 && errno != EINTR) {
            return std::unexpected(setup_failure("pselect6", errno));
        }
        spare_ = unique_fd(::fcntl(waker_.fd(), F_DUPFD_CLOEXEC, 0));
        if (!spare_) return std::unexpected(setup_failure("fcntl", errno));
        if (!has_a_bit(waker_.fd()) || !has_a_bit(spare_.get())) {
            const std::error_code code = make_error_code(errc::too_many_open_files);
            return std::unexpected(setup_error{code, code.message()});
        }
        return readiness_backend::set_up(environment);
    }

  protected:
    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override {
        if (!has_a_bit(fd)) return no_such_bit;
        FD_SET(fd, side == direction::write ? &wanted_.write : &wanted_.read);
        if (side == direction::read && !urgent_told(state)) FD_SET(fd, &wanted_.urgent);
        end_ = std::max(end_, fd + 1);
        return 0;
    }

    void unwatch(std::int32_t fd, descriptor_state&) noexcept override {
        if (!has_a_bit(fd)) return;
        FD_CLR(fd, &wanted_.read);
        FD_CLR(fd, &wanted_.write);
        FD_CLR(fd, &wanted_.urgent);
    }

    void collect(time_point now, time_point deadline) noexcept override {
        while (end_ > waker_.fd() + 1 && !wanted_.any(end_ - 1)) --end_;
        descriptor_sets told = wanted_;
        FD_SET(waker_.fd(), &told.read);
        ++counted_.enters;
        const wait_time limit(now, deadline);
        const int count = ::pselect(end_, &told.read, &told.write, &told.urgent, limit.relative(), nullptr);
        if (count < 0 && errno == EBADF) tell_of_closed_ones();
        if (count <= 0) return;
        if (FD_ISSET(waker_.fd(), &told.read)) waker_.clear();
        FD_CLR(waker_.fd(), &told.read);
        dispatch(told);
    }

    std::int32_t admit(std::int32_t fd) noexcept override { return has_a_bit(fd) ? 0 : refuse(); }

    // A connection that turns out too large takes the number of a spare descriptor. Without one none is accepted, so
    // that it stays in the backlog, and the listener goes on when something was closed.
    std::int32_t accept_one(accept_op& op) noexcept override {
        if (!spare_) spare_ = unique_fd(::fcntl(waker_.fd(), F_DUPFD_CLOEXEC, 0));
        if (!has_a_bit(spare_.get())) spare_ = {};
        if (!spare_) return refuse();
        const std::int32_t r = readiness_backend::accept_one(op);
        if (r < 0 || has_a_bit(op.accepted.newest().id)) return r;
        const unique_fd large(op.accepted.newest().id);
        ::dup3(large.get(), spare_.get(), O_CLOEXEC);
        op.accepted.rename_newest({spare_.release()});
        return r;
    }

  private:
    using words = std::array<unsigned long, sizeof(::fd_set) / sizeof(unsigned long)>;

    std::int32_t refuse() noexcept {
        ++counted_.descriptors_refused;
        return no_such_bit;
    }

    // Urgent data lasts until it is read past. It is told of once, or a peer that announces some and sends none would
    // keep the loop busy.
    static std::uint32_t& urgent_told(descriptor_state& state) noexcept { return state.mechanism[0]; }

    // Word by word: most bits are clear.
    void dispatch(const descriptor_sets& told) noexcept {
        const auto read = std::bit_cast<words>(told.read);
        const auto write = std::bit_cast<words>(told.write);
        const auto urgent = std::bit_cast<words>(told.urgent);
        constexpr std::int32_t bits_per_word = 8 * sizeof(unsigned long);
        for (std::size_t i = 0; i < read.size(); ++i) {
            for (unsigned long left = read[i] | write[i] | urgent[i]; left != 0; left &= left - 1) {
                const unsigned long bit = left & ~(left - 1);
                tell(static_cast<std::int32_t>(i) * bits_per_word + std::countr_zero(left), (read[i] & bit) != 0,
                     (write[i] & bit) != 0, (urgent[i] & bit) != 0);
            }
        }
    }

    void tell(std::int32_t fd, bool readable, bool writable, bool urgent) noexcept {
        descriptor_state& state = descriptors()[fd];
        if (readable || urgent) {
            FD_CLR(fd, &wanted_.read);
            FD_CLR(fd, &wanted_.urgent);
            urgent_told(state) = urgent ? 1 : 0;
        }
        if (writable) FD_CLR(fd, &wanted_.write);
        on_ready(fd, state.generation, {.readable = readable || urgent, .writable = writable, .hang_up = false});
    }

    // The kernel refuses all for one that the program has closed although it is in use here. The attempt says so.
    void tell_of_closed_ones() noexcept {
        for (std::int32_t fd = 0; fd < end_; ++fd) {
            if (!wanted_.any(fd) || ::fcntl(fd, F_GETFD) >= 0) continue;
            unwatch(fd, descriptors()[fd]);
            on_ready(fd, descriptors()[fd].generation, {.readable = true, .writable = true, .hang_up = true});
        }
    }

    unique_fd spare_;  // its number is below FD_SETSIZE
    descriptor_sets wanted_;
    std::int32_t end_;  // one more than the largest descriptor in the sets
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_select(const backend_environment& environment) {
    return make_mechanism<select_backend>(environment);
}

}  // namespace penstock::detail

#include <penstock/wait_ready.hpp>

#include "base/unique_fd.hpp"
#include "op/call.hpp"
#include "op/child.hpp"
#include <penstock/detail/await.hpp>

#include <cerrno>

namespace penstock {
namespace {

template <class Op>
using must_run = detail::awaited<Op, detail::cancellable::no>;

task<result<ready_sides>> wait_until_ready(int descriptor, bool for_writing) {
    const auto taken = co_await must_run<detail::adopt_op>(descriptor);
    if (taken < 0) co_return std::unexpected(detail::decode(taken));
    const auto polled = co_await detail::awaited<detail::poll_op>(handle{taken}, for_writing);
    constexpr bool forget_only = true;
    static_cast<void>(co_await must_run<detail::close_op>(handle{taken}, forget_only));
    if (polled < 0) co_return std::unexpected(detail::decode(polled));
    co_return detail::ready_sides_of(polled);
}

}  // namespace

task<result<ready_sides>> wait_readable(int descriptor) { return wait_until_ready(descriptor, false); }

task<result<ready_sides>> wait_writable(int descriptor) { return wait_until_ready(descriptor, true); }

task<result<child_end>> wait_for_child(std::int32_t process) {
    const detail::unique_fd child(detail::open_child(process));
    if (child.get() < 0) co_return std::unexpected(detail::decode(child.get()));
    detail::raw_child found{};
    auto r = detail::take_child(child.get(), found);  // who is not a child of ours is not waited for
    if (r == -EAGAIN) {
        const auto ended = co_await wait_readable(child.get());
        if (!ended) co_return std::unexpected(ended.error());
        r = detail::take_child(child.get(), found);
    }
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return child_end{.by_signal = found.by_signal, .status = found.status};
}

}  // namespace penstock

#include <penstock/futex.hpp>

#include <penstock/detail/await.hpp>

namespace penstock {

task<result<void>> futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, futex_reach who) {
    const auto r = co_await detail::awaited<detail::futex_wait_op>(word, expected, who);
    co_return detail::to_result(r);
}

task<result<std::uint32_t>> futex_wake(const std::atomic<std::uint32_t>& word, std::uint32_t most, futex_reach who) {
    using wake = detail::awaited<detail::futex_wake_op, detail::cancellable::no>;
    const auto r = co_await wake(word, most, who);
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return static_cast<std::uint32_t>(r);
}

}  // namespace penstock

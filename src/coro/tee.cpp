// tee(2) between pipes, as a task that waits for both.
#include "coro/streams_in_use.hpp"
#include <penstock/detail/await.hpp>
#include <penstock/transfer.hpp>

#include <algorithm>
#include <cerrno>

namespace penstock {
namespace detail {
namespace {

constexpr std::size_t most_per_tee = std::size_t{1} << 30;  // more than a pipe holds

/// Which of the two it was that had nothing or no room is not told, so both are waited for.
task<std::int32_t> both_ready(handle source, handle target) {
    const auto readable = co_await awaited<poll_op>(source, false);
    if (readable < 0) co_return readable;
    co_return co_await awaited<poll_op>(target, true);
}

}  // namespace
}  // namespace detail

task<result<std::size_t>> tee(adopted& from, adopted& to, std::size_t most) {
    detail::stream_record* const source = from.record();
    detail::stream_record* const target = to.record();
    if (source == nullptr || target == nullptr) co_return fail(std::errc::bad_file_descriptor);
    const bool used = source->reader != nullptr || source->waiter != nullptr || target->writer != nullptr;
    if (used || source->armed() || !source->input.received.empty()) co_return fail(std::errc::device_or_resource_busy);
    detail::streams_in_use use(*source, *target, co_await detail::this_cancellation{});
    co_await detail::run_under{&use.cancellation()};
    const handle in = source->input.source;  // its owner may have let go of it by the time that this goes on
    const handle out = target->input.source;
    const auto length = static_cast<std::uint32_t>(std::min(most, detail::most_per_tee));
    for (;;) {
        const auto r = co_await detail::awaited<detail::tee_op>(in, out, length);
        if (r >= 0) co_return static_cast<std::size_t>(r);
        if (r != -EAGAIN) co_return std::unexpected(detail::decode(r));
        const auto ready = co_await detail::both_ready(in, out);
        if (ready < 0) co_return std::unexpected(detail::decode(ready));
    }
}

}  // namespace penstock

#include "backend/threads/shares.hpp"

#include "backend/default_capabilities.hpp"
#include "backend/threads/kinds.hpp"

#include <algorithm>

namespace penstock::detail {
namespace {

// More threads than this do not make a disk faster.
constexpr std::uint32_t most_file_threads = 16;

// A blocking call on a thread is not this mechanism's way out, as `offloaded` would say, but its way.
capability capability_of(op_kind kind) noexcept {
    if (kind == op_kind::tick) return {support::emulated, cancellation::prompt, "by the loop's timers"};
    switch (share_of(kind)) {
        case share::none:
        case share::send: return {support::native, cancellation::prompt, ""};
        case share::wait:
            if (way_of(kind).in_two_steps) {
                return {support::emulated, cancellation::prompt,
                        "a thread waits until there is something, then it is called"};
            }
            return {support::native, cancellation::prompt, ""};
        case share::file: return {support::native, cancellation::at_completion, ""};
    }
    return {};
}

}  // namespace

share_limits divide(std::uint32_t most_threads) noexcept {
    const std::uint32_t reserved = std::max(most_threads / 4, 2U);
    const std::uint32_t files = std::clamp(most_threads / 16, 1U, most_file_threads);
    share_limits limits{};
    limits[static_cast<std::size_t>(share::wait)] = most_threads - reserved;
    limits[static_cast<std::size_t>(share::send)] = reserved - files;
    limits[static_cast<std::size_t>(share::file)] = files;
    return limits;
}

capability_table blocking_capabilities(const backend_options& options) {
    capability_table table;
    for (std::size_t i = 0; i < op_kind_count; ++i) table.of[i] = capability_of(static_cast<op_kind>(i));
    apply_denied(table, options);
    table.most_waiting = divide(options.max_threads)[static_cast<std::size_t>(share::wait)];
    return table;
}

}  // namespace penstock::detail

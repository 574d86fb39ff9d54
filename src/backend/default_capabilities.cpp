#include "backend/default_capabilities.hpp"

#include "op/call.hpp"

namespace penstock::detail {
namespace {

capability readiness_capability(op_kind kind) noexcept {
    switch (usually_waits_on(kind)) {
        case wait_side::read:
        case wait_side::write: return {support::emulated, cancellation::prompt, "waits for readiness, then calls"};
        case wait_side::file:
            return {support::offloaded, cancellation::at_completion,
                    "files are always \"ready\"; a pool waits for them"};
        case wait_side::wake_up: return {support::offloaded, cancellation::prompt, "each waits on a thread of its own"};
        case wait_side::time: return {support::emulated, cancellation::prompt, "by the loop's timers"};
        case wait_side::none: return {support::native, cancellation::prompt, ""};
    }
    return {};
}

}  // namespace

capability_table readiness_capabilities(const backend_options& options) {
    capability_table table;
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        table.of[i] = readiness_capability(static_cast<op_kind>(i));
    }
    apply_denied(table, options);
    return table;
}

void apply_denied(capability_table& table, const backend_options& options) {
    for (const op_kind kind : options.denied) {
        table[kind] = {support::unsupported, cancellation::prompt, "denied by backend_options::denied"};
    }
}

}  // namespace penstock::detail

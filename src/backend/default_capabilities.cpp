#include "backend/default_capabilities.hpp"

namespace penstock::detail {
namespace {

capability readiness_capability(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::accept:
        case op_kind::connect:
        case op_kind::receive:
        case op_kind::send:
        case op_kind::read:
        case op_kind::write:
        case op_kind::splice: return {support::emulated, cancellation::prompt, "waits for readiness, then calls"};
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status:
            return {support::offloaded, cancellation::at_completion,
                    "files are always \"ready\"; a pool waits for them"};
        case op_kind::nop:
        case op_kind::socket:
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::shutdown:
        case op_kind::name:
        case op_kind::option:
        case op_kind::close:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals: return {support::native, cancellation::prompt, ""};
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

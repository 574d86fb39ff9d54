// What is asked of an operation of any kind; the answers are with its struct.
#include "op/call.hpp"
#include <penstock/capabilities.hpp>

#include <cerrno>
#include <concepts>

namespace penstock {
namespace {

// A value that is no enumerator is written as a cast, which all the compilers do that there are.
template <op_kind Kind>
consteval bool is_enumerator() {
    return std::string_view(__PRETTY_FUNCTION__).find("op_kind)") == std::string_view::npos;
}
static_assert(is_enumerator<static_cast<op_kind>(op_kind_count - 1)>() &&
                  !is_enumerator<static_cast<op_kind>(op_kind_count)>(),
              "op_kind_count must name the last kind");

consteval bool every_kind_has_its_own_type() {
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        const auto kind = static_cast<op_kind>(i);
        if (detail::with_type_of(kind, []<class Op>() { return Op::about.kind; }) != kind) return false;
    }
    return true;
}
static_assert(every_kind_has_its_own_type(), "with_type_of() has a kind with the type of another");

}  // namespace

std::string_view to_string(op_kind kind) noexcept {
    return detail::with_type_of(kind, []<class Op>() { return Op::about.name; });
}

std::string_view to_string(support s) noexcept {
    switch (s) {
        case support::native: return "native";
        case support::emulated: return "emulated";
        case support::offloaded: return "offloaded";
        case support::unsupported: return "unsupported";
    }
    return "?";
}

std::string_view to_string(cancellation c) noexcept {
    switch (c) {
        case cancellation::prompt: return "prompt";
        case cancellation::at_completion: return "at completion";
    }
    return "?";
}

namespace detail {

wait_side waits_on(const operation& op) noexcept {
    return dispatch(op, []<class Op>(const Op& it) {
        if constexpr (requires { it.waits_now(); }) {
            return it.waits_now();
        } else {
            return Op::about.waits;
        }
    });
}

handle wait_handle(const operation& op) noexcept {
    return dispatch(op, []<class Op>(const Op& it) {
        if constexpr (Op::about.waits == wait_side::read || Op::about.waits == wait_side::write) {
            return it.waits_for();
        } else {
            return handle{};
        }
    });
}

std::int32_t call(operation& op, call_mode mode) noexcept {
    const auto make = [mode]<class Op>(Op& it) -> std::int32_t {
        if constexpr (std::derived_from<Op, receive_op>) {
            return -EOPNOTSUPP;  // their buffers are the backend's business
        } else {
            return it.call(mode);
        }
    };
    for (;;) {
        const std::int32_t r = dispatch(op, make);
        // What does not wait can be made again at once; a connect that was interrupted goes on by itself.
        if (r != -EINTR || mode == call_mode::blocking || op.kind == op_kind::connect) return r;
    }
}

}  // namespace detail
}  // namespace penstock

#include <penstock/capabilities.hpp>
#include <penstock/operation.hpp>

namespace penstock {

std::string_view to_string(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::nop: return "nop";
        case op_kind::socket: return "socket";
        case op_kind::bind: return "bind";
        case op_kind::listen: return "listen";
        case op_kind::accept: return "accept";
        case op_kind::connect: return "connect";
        case op_kind::receive: return "receive";
        case op_kind::send: return "send";
        case op_kind::shutdown: return "shutdown";
        case op_kind::name: return "name";
        case op_kind::option: return "option";
        case op_kind::open: return "open";
        case op_kind::read_at: return "read_at";
        case op_kind::write_at: return "write_at";
        case op_kind::sync: return "sync";
        case op_kind::status: return "status";
        case op_kind::read: return "read";
        case op_kind::write: return "write";
        case op_kind::splice: return "splice";
        case op_kind::close: return "close";
        case op_kind::adopt: return "adopt";
        case op_kind::pipe: return "pipe";
        case op_kind::signals: return "signals";
    }
    return "?";
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

}  // namespace penstock

// Where each kind of operation can wait.
#include "op/call.hpp"

namespace penstock::detail {

wait_side waits_on(const operation& op) noexcept {
    switch (op.kind) {
        case op_kind::accept: return static_cast<const accept_op&>(op).only_pending ? wait_side::none : wait_side::read;
        case op_kind::receive:
        case op_kind::read: return wait_side::read;
        case op_kind::connect:
        case op_kind::send:
        case op_kind::write: return wait_side::write;
        case op_kind::splice: {
            const auto& splice = static_cast<const splice_op&>(op);
            if (splice.only_pending) return wait_side::none;
            return splice.waits_for_source ? wait_side::read : wait_side::write;
        }
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status: return wait_side::file;
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
        case op_kind::signals: return wait_side::none;
    }
    return wait_side::none;
}

handle wait_handle(const operation& op) noexcept {
    switch (op.kind) {
        case op_kind::accept: return static_cast<const accept_op&>(op).listener;
        case op_kind::receive:
        case op_kind::read: return static_cast<const receive_op&>(op).source;
        case op_kind::connect: return static_cast<const connect_op&>(op).target;
        case op_kind::send:
        case op_kind::write: return static_cast<const send_op&>(op).target;
        case op_kind::splice: {
            const auto& splice = static_cast<const splice_op&>(op);
            return splice.waits_for_source ? splice.source : splice.target;
        }
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status:
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
        case op_kind::signals: return {};
    }
    return {};
}

}  // namespace penstock::detail

#include "op/call.hpp"

#include "op/families.hpp"

#include <cerrno>

namespace penstock::detail {

std::int32_t outcome(long returned) noexcept { return returned >= 0 ? static_cast<std::int32_t>(returned) : -errno; }

namespace {

std::int32_t call_once(operation& op, call_mode mode) noexcept {
    switch (op.kind) {
        case op_kind::nop: return 0;
        case op_kind::socket: return call_socket(as<socket_op>(op), mode);
        case op_kind::bind: return call_bind(as<bind_op>(op));
        case op_kind::listen: return call_listen(as<listen_op>(op));
        case op_kind::accept: return call_accept(as<accept_op>(op), mode);
        case op_kind::connect: return call_connect(as<connect_op>(op));
        case op_kind::send: return call_send(as<send_op>(op), mode);
        case op_kind::shutdown: return call_shutdown(as<shutdown_op>(op));
        case op_kind::name: return call_name(as<name_op>(op));
        case op_kind::option: return call_option(as<option_op>(op));
        case op_kind::open: return call_open(as<open_op>(op));
        case op_kind::read_at: return call_read_at(as<read_at_op>(op));
        case op_kind::write_at: return call_write_at(as<write_at_op>(op));
        case op_kind::sync: return call_sync(as<sync_op>(op));
        case op_kind::status: return call_status(as<status_op>(op));
        case op_kind::write: return call_write(as<write_op>(op), mode);
        case op_kind::splice: return call_splice(as<splice_op>(op), mode);
        case op_kind::close: return call_close(as<close_op>(op));
        case op_kind::adopt: return call_adopt(as<adopt_op>(op));
        case op_kind::pipe: return call_pipe(as<pipe_op>(op));
        case op_kind::signals: return call_signals(as<signals_op>(op));
        case op_kind::receive:
        case op_kind::read: break;
    }
    return -EOPNOTSUPP;
}

}  // namespace

std::int32_t call(operation& op, call_mode mode) noexcept {
    for (;;) {
        const std::int32_t r = call_once(op, mode);
        // What does not wait can be made again at once; a connect that was interrupted goes on by itself.
        if (r != -EINTR || mode == call_mode::blocking || op.kind == op_kind::connect) return r;
    }
}

}  // namespace penstock::detail

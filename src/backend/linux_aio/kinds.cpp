#include "backend/linux_aio/kinds.hpp"

#include "op/call.hpp"

namespace penstock::detail {

bool joins_batch(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::receive:
        case op_kind::send:
        case op_kind::read:
        case op_kind::write: return true;
        // Native AIO has no command for these but IOCB_CMD_POLL, by which they wait.
        case op_kind::accept:
        case op_kind::connect:
        case op_kind::splice:
        case op_kind::poll:
        case op_kind::send_message:
        case op_kind::receive_message:
        // Some of these are commands, too, but not of this path (native_aio/file_blocks.cpp).
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status:
        case op_kind::truncate:
        case op_kind::allocate:
        case op_kind::sync_range:
        case op_kind::advise:
        case op_kind::advise_memory:
        case op_kind::rename:
        case op_kind::unlink:
        case op_kind::make_directory:
        case op_kind::symlink:
        case op_kind::link:
        // These wait for nothing.
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
        case op_kind::signals:
        case op_kind::tee:
        case op_kind::install:
        case op_kind::futex_wake:
        case op_kind::loop_message:
        case op_kind::tick:
        // A thread waits for it.
        case op_kind::futex_wait: return false;
    }
    return false;
}

void describe_linux_aio(capability_table& table) noexcept {
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        const auto kind = static_cast<op_kind>(i);
        const wait_side side = usually_waits_on(kind);
        const bool waits = side == wait_side::read || side == wait_side::write;
        if (!waits || table[kind].support == support::unsupported) continue;
        table[kind] = joins_batch(kind)
                          ? capability{support::native, cancellation::prompt, "joins the turn's io_submit"}
                          : capability{support::emulated, cancellation::prompt, "waits by IOCB_CMD_POLL, then calls"};
    }
}

}  // namespace penstock::detail

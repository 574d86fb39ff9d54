#include "backend/native_aio/file_blocks.hpp"

#include "backend/nowait_transfer.hpp"
#include "op/call.hpp"

#include <sys/uio.h>

#include <cerrno>

namespace penstock::detail {
namespace {

// What is noted in an operation's scratch: how many bytes were asked for, and whether with RWF_NOWAIT.
constexpr std::uint64_t tried_without_waiting = std::uint64_t{1} << 63;

std::uint16_t command_for(const read_at_op& op) noexcept {
    const bool reads = op.kind == op_kind::read_at;
    if (op.count == 1) return reads ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
    return reads ? IOCB_CMD_PREADV : IOCB_CMD_PWRITEV;
}

}  // namespace

void file_blocks::describe(capability_table& table) noexcept {
    for (const op_kind kind : {op_kind::read_at, op_kind::write_at}) {
        if (table[kind].support == support::unsupported) continue;
        table[kind] = {support::native, cancellation::at_completion,
                       "one io_submit: O_DIRECT, and what the page cache allows; a pool does what would sleep"};
    }
    if (table[op_kind::sync].support == support::unsupported) return;
    table[op_kind::sync] = {support::native, cancellation::at_completion, "IOCB_CMD_FSYNC, on a thread of the kernel"};
}

bool file_blocks::takes(const operation& op) {
    switch (op.kind) {
        case op_kind::read_at:
        case op_kind::write_at: {
            const auto& transfer = static_cast<const read_at_op&>(op);
            const std::int32_t fd = transfer.target.id;
            if (!notes_.has(fd, file_notes::on_disk)) return false;
            if (notes_.has(fd, file_notes::direct)) return true;
            return !notes_.has(fd, refusal_of(op.kind)) && bytes_asked(transfer) <= most_without_waiting;
        }
        case op_kind::sync: {
            const std::int32_t fd = static_cast<const sync_op&>(op).target.id;
            return notes_.has(fd, file_notes::on_disk) && !notes_.has(fd, file_notes::refuses_syncs);
        }
        default: return false;  // native AIO has no more than these
    }
}

void file_blocks::describe(::iocb& block, operation& op) {
    if (op.kind == op_kind::sync) {
        const auto& sync = as<sync_op>(op);
        block.aio_lio_opcode = sync.data_only ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC;
        block.aio_fildes = static_cast<std::uint32_t>(sync.target.id);
        return;
    }
    const auto& transfer = as<read_at_op>(op);
    const bool one = transfer.count == 1;
    block.aio_lio_opcode = command_for(transfer);
    block.aio_fildes = static_cast<std::uint32_t>(transfer.target.id);
    // The caller's slices stay until the completion, so they are not copied.
    block.aio_buf = one ? reinterpret_cast<std::uintptr_t>(transfer.slices[0].data)
                        : reinterpret_cast<std::uintptr_t>(transfer.slices);
    block.aio_nbytes = one ? transfer.slices[0].size : at_most_iov_max(transfer.count);
    block.aio_offset = static_cast<std::int64_t>(transfer.offset);
    op.scratch[0] = bytes_asked(transfer) & ~tried_without_waiting;
    if (notes_.has(transfer.target.id, refusal_of(op.kind))) return;  // O_DIRECT, or it would not be here
    block.aio_rw_flags = RWF_NOWAIT;
    op.scratch[0] |= tried_without_waiting;
}

std::optional<std::int32_t> file_blocks::outcome(const operation& op, std::int32_t result) {
    if (op.kind == op_kind::sync) {
        if (result != -EINVAL) return result;
        notes_.set(static_cast<const sync_op&>(op).target.id, file_notes::refuses_syncs);
        return std::nullopt;
    }
    if ((op.scratch[0] & tried_without_waiting) == 0) return result;
    const auto& transfer = static_cast<const read_at_op&>(op);
    return nowait_outcome(transfer, op.scratch[0] & ~tried_without_waiting, result, notes_);
}

}  // namespace penstock::detail

#include "backend/native_aio/file_blocks.hpp"

#include "op/call.hpp"

#include <sys/stat.h>
#include <sys/uio.h>

#include <cerrno>

namespace penstock::detail {
namespace {

// What is noted in an operation's scratch: how many bytes were asked for, and whether with RWF_NOWAIT.
constexpr std::uint64_t tried_without_waiting = std::uint64_t{1} << 63;

std::uint64_t bytes_asked(const read_at_op& op) noexcept {
    std::uint64_t bytes = 0;
    const std::uint32_t count = at_most_iov_max(op.count);
    for (std::uint32_t i = 0; i < count; ++i) bytes += op.slices[i].size;
    return bytes & ~tried_without_waiting;
}

file_notes::flag refusal_of(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::read_at: return file_notes::refuses_reads;
        case op_kind::write_at: return file_notes::refuses_writes;
        default: return file_notes::refuses_syncs;
    }
}

std::uint16_t command_for(const read_at_op& op) noexcept {
    const bool reads = op.kind == op_kind::read_at;
    if (op.count == 1) return reads ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
    return reads ? IOCB_CMD_PREADV : IOCB_CMD_PWRITEV;
}

// A short read may have met the end of the file, or a page that is not in the cache.
bool ends_at(std::int32_t fd, std::uint64_t offset) noexcept {
    struct ::stat status{};
    return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) <= offset;
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
            return !notes_.has(fd, refusal_of(op.kind)) && bytes_asked(transfer) <= most_from_cache;
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
    op.scratch[0] = bytes_asked(transfer);
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
    const std::int32_t fd = transfer.target.id;
    if (result == -EOPNOTSUPP) notes_.set(fd, refusal_of(op.kind));
    // EINVAL is also the answer for a file that only has calls of the old kind (some of /proc).
    const bool is_direct = notes_.has(fd, file_notes::direct);
    if (result == -EAGAIN || result == -EOPNOTSUPP || (result == -EINVAL && !is_direct)) return std::nullopt;
    if (result <= 0 || op.kind == op_kind::write_at) return result;
    const auto bytes = static_cast<std::uint64_t>(result);
    if (bytes == (op.scratch[0] & ~tried_without_waiting) || ends_at(fd, transfer.offset + bytes)) return result;
    return std::nullopt;
}

}  // namespace penstock::detail

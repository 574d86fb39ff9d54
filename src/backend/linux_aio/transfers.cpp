#include "backend/linux_aio/transfers.hpp"

#include "backend/linux_aio/completion_tag.hpp"

#include <algorithm>
#include <climits>

namespace penstock::detail {
namespace {

void describe(::iocb& block, operation& op, handle target, std::uint16_t command, const void* memory,
              std::uint64_t count) noexcept {
    block.aio_data = completion_tag::of(op);
    block.aio_lio_opcode = command;
    block.aio_fildes = static_cast<std::uint32_t>(target.id);
    block.aio_buf = reinterpret_cast<std::uintptr_t>(memory);
    block.aio_nbytes = count;
}

}  // namespace

void describe_receive(::iocb& block, receive_op& op, std::byte* memory, std::uint32_t size, int flags) noexcept {
    describe(block, op, op.source, IOCB_CMD_PREAD, memory, size);
    block.aio_rw_flags = flags;
}

std::size_t describe_send(::iocb& block, send_op& op, int flags) noexcept {
    block.aio_rw_flags = flags;
    const io_slice* const slice = op.slices + op.first;
    const std::uint32_t count = std::min<std::uint32_t>(op.count - op.first, IOV_MAX);
    // What is left of a slice travels alone: an array without its head would need a place to live until the kernel
    // has copied it. The slices after it follow at once.
    if (count == 1 || op.skip != 0) {
        const std::size_t left = slice->size - op.skip;
        describe(block, op, op.target, IOCB_CMD_PWRITE, static_cast<const std::byte*>(slice->data) + op.skip, left);
        return left;
    }
    describe(block, op, op.target, IOCB_CMD_PWRITEV, slice, count);
    std::size_t offered = 0;
    for (std::uint32_t i = 0; i < count; ++i) offered += slice[i].size;
    return offered;
}

}  // namespace penstock::detail

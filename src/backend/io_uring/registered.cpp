#include "backend/io_uring/registered.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace penstock::detail {

// --- Memory ------------------------------------------------------------------------------------------------

int registered::add_memory(std::span<std::byte> memory) noexcept {
    if (refuses_memory_) return -EOPNOTSUPP;
    if (!has_memory_table_) {
        if (const int r = ::io_uring_register_buffers_sparse(ring_, most_regions); r != 0) return r;
        has_memory_table_ = true;
    }
    const auto free = std::find_if(regions_.begin(), regions_.end(), [](const auto& r) { return r.empty(); });
    if (free == regions_.end()) return -ENOBUFS;
    const auto number = static_cast<unsigned>(free - regions_.begin());
    const ::iovec piece{.iov_base = memory.data(), .iov_len = memory.size()};
    const __u64 untagged = 0;
    const int r = ::io_uring_register_buffers_update_tag(ring_, number, &piece, &untagged, 1);
    if (r < 0) return r;
    *free = memory;
    ++regions_in_use_;
    return static_cast<int>(number);
}

void registered::remove_memory(int region) noexcept {
    const ::iovec no_memory{};
    const __u64 untagged = 0;
    ::io_uring_register_buffers_update_tag(ring_, static_cast<unsigned>(region), &no_memory, &untagged, 1);
    regions_[static_cast<std::size_t>(region)] = {};
    --regions_in_use_;
}

int registered::region_of(const io_slice& slice) const noexcept {
    const auto* const begin = static_cast<const std::byte*>(slice.data);
    for (std::size_t i = 0; i < most_regions; ++i) {
        const std::span<std::byte> region = regions_[i];
        const auto offset = static_cast<std::size_t>(begin - region.data());
        if (offset < region.size() && slice.size <= region.size() - offset) return static_cast<int>(i);
    }
    return -1;
}

// --- Files -------------------------------------------------------------------------------------------------

int registered::make_file_table() noexcept {
    if (file_table_ <= 0) return file_table_;
    file_table_ = ::io_uring_register_files_sparse(ring_, most_files_ + direct_places);
    if (file_table_ == -EMFILE && most_files_ > direct_places) {  // it may have as many places as `ulimit -n` says
        most_files_ -= direct_places;
        file_table_ = ::io_uring_register_files_sparse(ring_, most_files_ + direct_places);
    }
    if (file_table_ == 0) files_.resize(most_files_);
    return file_table_;
}

int registered::add_file(std::int32_t fd) noexcept {
    if (static_cast<std::uint32_t>(fd) >= most_files_) return -ENOSPC;
    if (const int r = make_file_table(); r != 0) return r;
    const int r = ::io_uring_register_files_update(ring_, static_cast<unsigned>(fd), &fd, 1);
    if (r < 0) return r;
    files_[static_cast<std::size_t>(fd)] = true;
    return 0;
}

void registered::remove_file(std::int32_t fd) noexcept {
    if (!has_file(fd)) return;
    const int none = -1;
    ::io_uring_register_files_update(ring_, static_cast<unsigned>(fd), &none, 1);
    files_[static_cast<std::size_t>(fd)] = false;
}

void registered::refine(::io_uring_sqe& sqe, const read_at_op& op) noexcept {
    if (has_file(sqe.fd)) {
        sqe.flags |= IOSQE_FIXED_FILE;
        ++by_file_;
    }
    if (regions_in_use_ == 0 || op.count != 1) return;
    const int region = region_of(*op.slices);
    if (region < 0) return;
    sqe.opcode = op.kind == op_kind::read_at ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
    sqe.buf_index = static_cast<__u16>(region);
    ++by_memory_;
}

}  // namespace penstock::detail

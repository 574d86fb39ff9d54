#include "backend/simulated/open_file.hpp"

#include "backend/simulated/world.hpp"
#include "op/alignment.hpp"

#include <algorithm>
#include <climits>
#include <cstring>
#include <numeric>

namespace penstock::detail {
namespace {

constexpr direct_alignment of_the_disk{.memory = 512, .offset = 512};

}  // namespace

std::size_t open_file::cut_short(std::size_t size) noexcept {
    if (size < 2 || !world().strikes(faults::short_transfer)) return size;
    return 1 + world().chance().below(size - 1);
}

std::int32_t open_file::read_once(std::span<std::byte> into, std::uint64_t offset) noexcept {
    if (file_->what == inode::sort::full_device) {
        std::ranges::fill(into, std::byte{});
        return static_cast<std::int32_t>(into.size());
    }
    if (offset >= file_->bytes.size()) return 0;
    const std::size_t n = std::min<std::size_t>(into.size(), file_->bytes.size() - offset);
    if (n != 0) std::memcpy(into.data(), file_->bytes.data() + offset, n);
    return static_cast<std::int32_t>(n);
}

std::int32_t open_file::write_once(std::span<const std::byte> from, std::uint64_t offset) noexcept {
    if (file_->what == inode::sort::full_device) return -ENOSPC;
    if (file_->what == inode::sort::null_device || from.empty()) return static_cast<std::int32_t>(from.size());
    if (how_.append) offset = file_->bytes.size();
    const std::uint64_t end = offset + from.size();
    if (end > file_->bytes.size() && !world().disk().resize(*file_, end)) return -ENOSPC;
    std::memcpy(file_->bytes.data() + offset, from.data(), from.size());
    file_->modified = world().disk().wall_clock();
    return static_cast<std::int32_t>(from.size());
}

std::int32_t open_file::read(std::span<std::byte> into) noexcept {
    if (!how_.read || how_.path_only) return -EBADF;
    if (file_->what == inode::sort::directory) return -EISDIR;
    const std::int32_t n = read_once(into, position_);
    position_ += static_cast<std::uint64_t>(std::max(n, 0));
    return n;
}

std::int32_t open_file::write(std::span<const std::byte> from) noexcept {
    if (!how_.write || how_.path_only) return -EBADF;
    const std::int32_t n = write_once(from, position_);
    position_ += static_cast<std::uint64_t>(std::max(n, 0));
    return n;
}

std::int32_t open_file::refusal_of(const read_at_op& op) const noexcept {
    if (op.offset > INT64_MAX || op.count > IOV_MAX) return -EINVAL;
    if (file_->what == inode::sort::directory) return -EISDIR;
    return how_.direct ? misalignment(op, of_the_disk) : 0;
}

std::int32_t open_file::read_at(const read_at_op& op) noexcept {
    if (!how_.read || how_.path_only) return -EBADF;
    if (const std::int32_t r = refusal_of(op); r < 0) return r;
    if (world().strikes(faults::io_error)) return -EIO;
    const std::span slices(op.slices, op.count);
    const auto add = [](std::size_t sum, const io_slice& s) { return sum + s.size; };
    std::size_t left = cut_short(std::accumulate(slices.begin(), slices.end(), std::size_t{0}, add));
    std::uint64_t offset = op.offset;
    for (const io_slice& s : slices) {
        const std::span into(static_cast<std::byte*>(s.data), std::min(s.size, left));
        const std::int32_t n = read_once(into, offset);
        offset += static_cast<std::uint64_t>(n);
        left -= into.size();
        if (static_cast<std::size_t>(n) < into.size() || left == 0) break;
    }
    return static_cast<std::int32_t>(offset - op.offset);
}

std::int32_t open_file::write_at(const write_at_op& op) noexcept {
    if (!how_.write || how_.path_only) return -EBADF;
    if (const std::int32_t r = refusal_of(op); r < 0) return r;
    if (world().strikes(faults::io_error)) return -EIO;
    if (world().strikes(faults::no_space)) return -ENOSPC;
    const std::span slices(op.slices, op.count);
    const auto add = [](std::size_t sum, const io_slice& s) { return sum + s.size; };
    std::size_t left = cut_short(std::accumulate(slices.begin(), slices.end(), std::size_t{0}, add));
    std::uint64_t offset = op.offset;
    for (const io_slice& s : slices) {
        const std::span from(static_cast<const std::byte*>(s.data), std::min(s.size, left));
        const std::int32_t n = write_once(from, offset);
        if (n < 0) return offset == op.offset ? n : static_cast<std::int32_t>(offset - op.offset);
        offset += static_cast<std::uint64_t>(n);
        left -= from.size();
        if (left == 0) break;
    }
    return static_cast<std::int32_t>(offset - op.offset);
}

std::int32_t open_file::sync() noexcept {
    if (how_.path_only) return -EBADF;
    return world().strikes(faults::io_error) ? -EIO : 0;
}

std::int32_t open_file::status(status_op& op) noexcept {
    if (world().strikes(faults::io_error)) return -EIO;
    describe(*file_, op);
    return 0;
}

// --- Parts of it -------------------------------------------------------------------------------------------------

std::int32_t open_file::truncate(std::uint64_t size) noexcept {
    if (size > INT64_MAX || !how_.write || file_->what != inode::sort::file) return -EINVAL;
    if (world().strikes(faults::io_error)) return -EIO;
    if (!world().disk().resize(*file_, size)) return -ENOSPC;
    file_->modified = world().disk().wall_clock();
    return 0;
}

std::int32_t open_file::allocate(const allocate_op& op) noexcept {
    if (!how_.write || how_.path_only) return -EBADF;
    if (op.offset > INT64_MAX || op.length > INT64_MAX || op.length == 0) return -EINVAL;
    if (file_->what != inode::sort::file) return -ENODEV;
    const std::uint64_t end = op.offset + op.length;
    if (end > INT64_MAX) return -EFBIG;
    if (world().strikes(faults::io_error)) return -EIO;
    if (world().strikes(faults::no_space)) return -ENOSPC;
    disk& on = world().disk();
    const std::uint64_t size = file_->bytes.size();
    const bool grows = end > size && (op.what == allocation::extend || op.what == allocation::zero);
    if (op.what == allocation::keep_size && !on.has_space(*file_, end)) return -ENOSPC;
    if (grows && !on.resize(*file_, end)) return -ENOSPC;
    if (op.what == allocation::punch_hole || op.what == allocation::zero) {
        const auto from = file_->bytes.begin() + static_cast<std::ptrdiff_t>(std::min(op.offset, size));
        std::fill(from, file_->bytes.begin() + static_cast<std::ptrdiff_t>(std::min(end, size)), std::byte{});
    }
    return 0;
}

std::int32_t open_file::sync_range(const sync_range_op& op) noexcept {
    if (how_.path_only) return -EBADF;
    if (op.offset > INT64_MAX || op.length > INT64_MAX - op.offset) return -EINVAL;
    return world().strikes(faults::io_error) ? -EIO : 0;
}

std::int32_t open_file::advise(const advise_op& op) const noexcept {
    if (how_.path_only) return -EBADF;
    return op.length > INT64_MAX ? -EINVAL : 0;
}

}  // namespace penstock::detail

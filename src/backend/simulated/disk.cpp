#include "backend/simulated/disk.hpp"

#include "backend/simulated/world.hpp"
#include "op/call.hpp"

#include <algorithm>
#include <climits>
#include <cstring>
#include <numeric>

namespace penstock::detail {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_path = 4095;
constexpr std::uint64_t direct_alignment = 512;
constexpr std::uint32_t umask = 022;
constexpr std::uint32_t user = 1000;
constexpr std::chrono::seconds began{1'767'225'600};  // the first second of 2026

// `/a//./b` is `/a/b`; what is not absolute is below `/`. `..` is taken by its word.
std::string normal(std::string_view path) {
    std::string clean;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, slash);
        if (part == "..") {
            clean.resize(std::min(clean.rfind('/'), clean.size()));
        } else if (!part.empty() && part != ".") {
            clean.append("/").append(part);
        }
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return clean.empty() ? "/" : clean;
}

bool names_a_directory(std::string_view path) {
    return path.ends_with('/') || path == "." || path == ".." || path.ends_with("/.") || path.ends_with("/..");
}

bool has_long_name(std::string_view path) {
    if (path.size() > longest_path) return true;
    for (; !path.empty(); path.remove_prefix(std::min(path.find('/'), path.size() - 1) + 1)) {
        if (std::min(path.find('/'), path.size()) > longest_name) return true;
    }
    return false;
}

bool is_aligned(const read_at_op& op) {
    bool good = op.offset % direct_alignment == 0;
    for (const io_slice& s : std::span(op.slices, op.count)) {
        good =
            good && s.size % direct_alignment == 0 && reinterpret_cast<std::uintptr_t>(s.data) % direct_alignment == 0;
    }
    return good;
}

std::uint32_t kind_of(inode::sort s) noexcept {
    switch (s) {
        case inode::sort::file: return S_IFREG;
        case inode::sort::directory: return S_IFDIR;
        case inode::sort::null_device:
        case inode::sort::full_device: return S_IFCHR;
        case inode::sort::socket: return S_IFSOCK;
    }
    return S_IFREG;
}

}  // namespace

// --- Names -------------------------------------------------------------------------------------------------------

disk::disk(simulated_world& in) : world_(in) {
    make("/dev/null", inode::sort::null_device, 0666);
    make("/dev/full", inode::sort::full_device, 0666);
}

std::chrono::system_clock::duration disk::wall_clock() const noexcept {
    return std::chrono::duration_cast<std::chrono::system_clock::duration>(began + world_.age());
}

std::shared_ptr<inode> disk::make(const std::string& path, inode::sort what, std::uint32_t mode) {
    auto made = std::make_shared<inode>();
    made->what = what;
    made->mode = mode & 07777U & ~umask;
    made->number = ++inodes_;
    made->modified = wall_clock();
    files_[path] = made;
    return made;
}

bool disk::is_directory(const std::string& path) const {
    if (path == "/") return true;
    const auto below = files_.lower_bound(path + "/");
    return below != files_.end() && below->first.starts_with(path + "/");
}

// Of a file among the directories of a path.
std::int32_t disk::refusal_of(const std::string& path) const {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        if (files_.contains(path.substr(0, slash))) return -ENOTDIR;
    }
    return 0;
}

std::expected<std::shared_ptr<inode>, std::int32_t> disk::find(std::string_view path, const open_request& how) {
    if (path.empty()) return std::unexpected(-ENOENT);
    if (has_long_name(path)) return std::unexpected(-ENAMETOOLONG);
    const std::string name = normal(path);
    if (const std::int32_t r = refusal_of(name); r < 0) return std::unexpected(r);
    const auto there = files_.find(name);
    const bool exists = there != files_.end();
    if (exists && names_a_directory(path)) return std::unexpected(-ENOTDIR);
    if (exists && there->second->what == inode::sort::socket) return std::unexpected(-ENXIO);
    if (!exists && (is_directory(name) || names_a_directory(path))) {
        if (how.create && how.exclusive) return std::unexpected(-EEXIST);
        if (how.write || how.create) return std::unexpected(-EISDIR);
        auto directory = std::make_shared<inode>();
        directory->what = inode::sort::directory;
        directory->mode = 0755;
        directory->number = 1;
        return directory;
    }
    if (!exists && !how.create) return std::unexpected(-ENOENT);
    if (exists && how.create && how.exclusive) return std::unexpected(-EEXIST);
    return exists ? there->second : make(name, inode::sort::file, how.mode);
}

std::expected<std::shared_ptr<open_file>, std::int32_t> disk::open(std::string_view path, const open_request& how) {
    auto found = find(path, how);
    if (!found) return std::unexpected(found.error());
    inode& file = **found;
    if (how.truncate && how.write && file.what == inode::sort::file) {
        used_ -= file.bytes.size();
        file.bytes.clear();
        file.modified = wall_clock();
    }
    return std::make_shared<open_file>(world_, std::move(*found), how);
}

std::int32_t disk::add_socket(std::string_view path) {
    const std::string name = normal(path);
    if (const std::int32_t r = refusal_of(name); r < 0) return r;
    if (files_.contains(name) || is_directory(name)) return -EADDRINUSE;
    make(name, inode::sort::socket, 0777);
    return 0;
}

std::int32_t disk::find_socket(std::string_view path) const {
    const auto there = files_.find(normal(path));
    if (there == files_.end()) return -ENOENT;
    return there->second->what == inode::sort::socket ? 0 : -ECONNREFUSED;
}

void disk::remove(std::string_view path) {
    const auto there = files_.find(normal(path));
    if (there == files_.end()) return;
    used_ -= there->second->bytes.size();
    files_.erase(there);
}

void disk::write(std::string_view path, std::string_view content) {
    remove(path);
    const auto file = make(normal(path), inode::sort::file, 0666);
    const auto bytes = std::as_bytes(std::span(content));
    file->bytes.assign(bytes.begin(), bytes.end());
    used_ += content.size();
}

std::optional<std::string> disk::read(std::string_view path) const {
    const auto there = files_.find(normal(path));
    if (there == files_.end() || there->second->what != inode::sort::file) return std::nullopt;
    const auto& bytes = there->second->bytes;
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

bool disk::grow(inode& file, std::size_t size) {
    const std::size_t more = size - file.bytes.size();
    if (more > world_.options().disk_space - std::min(used_, world_.options().disk_space)) {
        ++world_.figures().disk_full;
        return false;
    }
    used_ += more;
    file.bytes.resize(size);
    return true;
}

// --- An open file ------------------------------------------------------------------------------------------------

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
    if (end > file_->bytes.size() && !world().disk().grow(*file_, end)) return -ENOSPC;
    std::memcpy(file_->bytes.data() + offset, from.data(), from.size());
    file_->modified = world().disk().wall_clock();
    return static_cast<std::int32_t>(from.size());
}

std::int32_t open_file::read(std::span<std::byte> into) noexcept {
    if (!how_.read) return -EBADF;
    if (file_->what == inode::sort::directory) return -EISDIR;
    const std::int32_t n = read_once(into, position_);
    position_ += static_cast<std::uint64_t>(std::max(n, 0));
    return n;
}

std::int32_t open_file::write(std::span<const std::byte> from) noexcept {
    if (!how_.write) return -EBADF;
    const std::int32_t n = write_once(from, position_);
    position_ += static_cast<std::uint64_t>(std::max(n, 0));
    return n;
}

std::int32_t open_file::refusal_of(const read_at_op& op) const noexcept {
    if (op.offset > INT64_MAX || op.count > IOV_MAX) return -EINVAL;
    if (file_->what == inode::sort::directory) return -EISDIR;
    if (how_.direct && !is_aligned(op)) return -EINVAL;
    return 0;
}

std::int32_t open_file::read_at(const read_at_op& op) noexcept {
    if (!how_.read) return -EBADF;
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
    if (!how_.write) return -EBADF;
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

std::int32_t open_file::sync() noexcept { return world().strikes(faults::io_error) ? -EIO : 0; }

std::int32_t open_file::status(status_op& op) noexcept {
    if (world().strikes(faults::io_error)) return -EIO;
    struct ::statx raw{};
    const auto since_1970 = std::chrono::duration_cast<std::chrono::nanoseconds>(file_->modified);
    raw.stx_mask = STATX_BASIC_STATS;
    raw.stx_blksize = 4096;
    raw.stx_nlink = 1;
    raw.stx_uid = raw.stx_gid = user;
    raw.stx_mode = static_cast<std::uint16_t>(kind_of(file_->what) | file_->mode);
    raw.stx_ino = file_->number;
    raw.stx_size = file_->bytes.size();
    raw.stx_blocks = (file_->bytes.size() + 511) / 512;
    raw.stx_mtime.tv_sec = since_1970.count() / 1'000'000'000;
    raw.stx_mtime.tv_nsec = static_cast<std::uint32_t>(since_1970.count() % 1'000'000'000);
    std::memcpy(op.raw.data(), &raw, sizeof raw);
    return 0;
}

}  // namespace penstock::detail

#include "backend/simulated/disk.hpp"

#include "backend/simulated/open_file.hpp"
#include "backend/simulated/world.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace penstock::detail {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_path = 4095;
constexpr int most_links = 40;  // on one path
constexpr std::uint32_t umask = 022;
constexpr std::uint32_t user = 1000;
constexpr std::chrono::seconds began{1'767'225'600};  // the first second of 2026

// `/a//./b` is `/a/b`; what is not absolute is below `/`, which is empty. `..` is taken by its word.
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
    return clean;
}

std::string_view parent_of(std::string_view path) { return path.substr(0, std::min(path.rfind('/'), path.size())); }

bool is_below(std::string_view path, std::string_view directory) {
    return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

std::string_view text_of(const inode& link) {
    return {reinterpret_cast<const char*>(link.bytes.data()), link.bytes.size()};
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

std::uint32_t kind_of(inode::sort s) noexcept {
    switch (s) {
        case inode::sort::file: return S_IFREG;
        case inode::sort::directory: return S_IFDIR;
        case inode::sort::symlink: return S_IFLNK;
        case inode::sort::null_device:
        case inode::sort::full_device: return S_IFCHR;
        case inode::sort::socket: return S_IFSOCK;
    }
    return S_IFREG;
}

}  // namespace

// --- Paths ---------------------------------------------------------------------------------------------------------

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
    if (what == inode::sort::directory) made->path = path;
    files_[path] = made;
    return made;
}

std::shared_ptr<inode> disk::at(std::string_view path) const {
    const auto there = files_.find(path);
    return there == files_.end() ? nullptr : there->second;
}

bool disk::has_something_below(std::string_view path) const {
    const auto below = files_.upper_bound(std::string(path) + "/");
    return below != files_.end() && is_below(below->first, path);
}

bool disk::is_directory(std::string_view path) const {
    const auto there = at(path);
    if (there != nullptr) return there->what == inode::sort::directory;
    return path.empty() || has_something_below(path);
}

// Whether there can be something in it. Above a directory that nobody has made there is none that somebody has.
std::int32_t disk::refusal_to_hold(std::string_view path) const {
    for (std::string_view above = path; !above.empty(); above = parent_of(above)) {
        const auto there = at(above);
        if (there == nullptr) continue;
        if (there->what != inode::sort::directory) return -ENOTDIR;
        return above == path ? 0 : -ENOENT;
    }
    return 0;
}

disk::path_or_error disk::resolve(const relative_path& where, bool follow_last, const path_limits& within) const {
    if (where.path.empty()) return std::unexpected(-ENOENT);
    if (has_long_name(where.path)) return std::unexpected(-ENAMETOOLONG);
    const std::string root = within.beneath || within.in_root ? where.from : "";
    std::string rest(where.path);
    std::string place = where.from;
    const auto from_root = [&] {
        if (within.beneath) return false;
        place = root;
        return true;
    };
    if (rest.starts_with('/') && !from_root()) return std::unexpected(-EXDEV);
    for (int links = 0; !rest.empty();) {
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        const std::string part = rest.substr(0, slash);
        const bool last = rest.find_first_not_of('/', slash) == std::string::npos;
        const bool must_be_directory = slash != rest.size();
        rest.erase(0, std::min(slash + 1, rest.size()));
        if (part.empty()) continue;
        if (const std::int32_t r = refusal_to_hold(place); r < 0) return std::unexpected(r);
        if (part == ".") continue;
        if (part == "..") {
            if (place != root) {
                place = parent_of(place);
            } else if (within.beneath) {
                return std::unexpected(-EXDEV);
            }
            continue;
        }
        place.append("/").append(part);
        const auto there = at(place);
        if (there == nullptr || there->what != inode::sort::symlink) continue;
        if (last && !follow_last && !must_be_directory) break;
        if (within.no_symlinks || ++links > most_links) return std::unexpected(-ELOOP);
        std::string text(text_of(*there));
        if (must_be_directory) text.append("/").append(rest);
        rest = std::move(text);
        place = parent_of(place);
        if (rest.starts_with('/') && !from_root()) return std::unexpected(-EXDEV);
    }
    return place;
}

disk::path_or_error disk::resolve_new(const relative_path& where) const {
    auto path = resolve(where, false);
    if (path && (at(*path) != nullptr || is_directory(*path))) return std::unexpected(-EEXIST);
    return path;
}

// --- Opening -------------------------------------------------------------------------------------------------------

std::expected<std::shared_ptr<inode>, std::int32_t> disk::find(const relative_path& where, const open_request& how) {
    const bool must_be_new = how.create && how.exclusive;
    const auto path = resolve(where, !how.no_follow && !must_be_new, how.within);
    if (!path) return std::unexpected(path.error());
    const bool wants_directory = how.directory || names_a_directory(where.path);
    auto there = at(*path);
    if (there == nullptr && (is_directory(*path) || names_a_directory(where.path))) {
        if (must_be_new) return std::unexpected(-EEXIST);
        if (how.write || how.create) return std::unexpected(-EISDIR);
        if (const std::int32_t r = refusal_to_hold(*path); r < 0) return std::unexpected(r);
        auto directory = std::make_shared<inode>();
        directory->what = inode::sort::directory;
        directory->mode = 0755;
        directory->number = 1;
        directory->path = *path;
        return directory;
    }
    if (there == nullptr) {
        if (!how.create) return std::unexpected(-ENOENT);
        return make(*path, inode::sort::file, how.mode);
    }
    if (must_be_new) return std::unexpected(-EEXIST);
    if (there->what == inode::sort::directory) {
        if (how.write || how.create) return std::unexpected(-EISDIR);
        return there;
    }
    if (wants_directory) return std::unexpected(-ENOTDIR);
    if (how.path_only) return there;
    if (there->what == inode::sort::symlink) return std::unexpected(-ELOOP);
    if (there->what == inode::sort::socket) return std::unexpected(-ENXIO);
    return there;
}

std::expected<std::shared_ptr<open_file>, std::int32_t> disk::open(const relative_path& where,
                                                                   const open_request& how) {
    auto found = find(where, how);
    if (!found) return std::unexpected(found.error());
    inode& file = **found;
    if (how.truncate && how.write && file.what == inode::sort::file) {
        resize(file, 0);
        file.modified = wall_clock();
    }
    return std::make_shared<open_file>(world_, std::move(*found), how);
}

std::int32_t disk::status(const relative_path& where, status_op& op) const {
    const auto path = resolve(where, op.follow_link);
    if (!path) return path.error();
    const auto there = at(*path);
    if (there != nullptr) {
        if (there->what != inode::sort::directory && names_a_directory(where.path)) return -ENOTDIR;
        describe(*there, op);
        return 0;
    }
    if (!is_directory(*path)) return -ENOENT;
    describe({.what = inode::sort::directory, .mode = 0755, .number = 1, .bytes = {}, .path = {}}, op);
    return 0;
}

void describe(const inode& file, status_op& op) noexcept {
    struct ::statx raw{};
    const auto since_1970 = std::chrono::duration_cast<std::chrono::nanoseconds>(file.modified);
    raw.stx_mask = STATX_BASIC_STATS;
    raw.stx_blksize = 4096;
    raw.stx_nlink = file.links;
    raw.stx_uid = raw.stx_gid = user;
    raw.stx_mode = static_cast<std::uint16_t>(kind_of(file.what) | file.mode);
    raw.stx_ino = file.number;
    raw.stx_size = file.bytes.size();
    raw.stx_blocks = (file.bytes.size() + 511) / 512;
    raw.stx_mtime.tv_sec = since_1970.count() / 1'000'000'000;
    raw.stx_mtime.tv_nsec = static_cast<std::uint32_t>(since_1970.count() % 1'000'000'000);
    std::memcpy(op.raw.data(), &raw, sizeof raw);
}

// --- Names ---------------------------------------------------------------------------------------------------------

std::int32_t disk::make_directory(const relative_path& where, std::uint32_t mode) {
    const auto path = resolve_new(where);
    if (!path) return path.error();
    make(*path, inode::sort::directory, mode);
    return 0;
}

std::int32_t disk::symlink(std::string_view text, const relative_path& where) {
    if (text.empty()) return -ENOENT;
    if (text.size() > longest_path) return -ENAMETOOLONG;
    const auto path = resolve_new(where);
    if (!path) return path.error();
    if (names_a_directory(where.path)) return -ENOENT;
    const auto made = make(*path, inode::sort::symlink, 0777);
    made->mode = 0777;
    const auto bytes = std::as_bytes(std::span(text));
    made->bytes.assign(bytes.begin(), bytes.end());
    used_ += bytes.size();
    return 0;
}

std::int32_t disk::link(const relative_path& from, const relative_path& to) {
    const auto old_path = resolve(from, false);
    if (!old_path) return old_path.error();
    const auto there = at(*old_path);
    if (there == nullptr) return is_directory(*old_path) ? -EPERM : -ENOENT;
    if (there->what != inode::sort::directory && names_a_directory(from.path)) return -ENOTDIR;
    const auto new_path = resolve_new(to);
    if (!new_path) return new_path.error();
    if (there->what == inode::sort::directory) return -EPERM;
    if (names_a_directory(to.path)) return -ENOENT;
    ++there->links;
    files_[*new_path] = there;
    return 0;
}

void disk::drop(const std::string& path) {
    const auto there = files_.find(path);
    if (--there->second->links == 0) used_ -= there->second->bytes.size();
    files_.erase(there);
}

std::int32_t disk::unlink(const relative_path& where, bool of_directory) {
    const auto path = resolve(where, false);
    if (!path) return path.error();
    const auto there = at(*path);
    if (there == nullptr && !is_directory(*path)) return -ENOENT;
    const bool directory = there == nullptr || there->what == inode::sort::directory;
    if (directory && !of_directory) return -EISDIR;
    if (!directory && (of_directory || names_a_directory(where.path))) return -ENOTDIR;
    if (where.path == "." || where.path.ends_with("/.")) return -EINVAL;
    if (directory && (path->empty() || has_something_below(*path))) return path->empty() ? -EBUSY : -ENOTEMPTY;
    drop(*path);
    return 0;
}

std::int32_t disk::refusal_to_replace(const inode& with, const std::string& path) const {
    const bool directory = with.what == inode::sort::directory;
    if (is_directory(path)) {
        if (!directory) return -EISDIR;
        return has_something_below(path) ? -ENOTEMPTY : 0;
    }
    return directory && at(path) != nullptr ? -ENOTDIR : 0;
}

// With all that is below it.
disk::names disk::take_out(const std::string& path) {
    names taken;
    for (auto i = files_.lower_bound(path); i != files_.end() && i->first.starts_with(path);) {
        const auto following = std::next(i);
        if (i->first == path || is_below(i->first, path)) taken.insert(files_.extract(i));
        i = following;
    }
    return taken;
}

void disk::put_back(names&& all, const std::string& old_path, const std::string& new_path) {
    for (auto& [name, file] : all) {
        const std::string path = new_path + name.substr(old_path.size());
        if (file->what == inode::sort::directory) file->path = path;
        files_[path] = std::move(file);
    }
}

std::int32_t disk::rename(const relative_path& from, const relative_path& to, rename_rule rule) {
    const auto old_path = resolve(from, false);
    if (!old_path) return old_path.error();
    const auto new_path = resolve(to, false);
    if (!new_path) return new_path.error();
    const auto moved = at(*old_path);
    const auto there = at(*new_path);
    if (moved == nullptr) return is_directory(*old_path) ? -EBUSY : -ENOENT;
    const bool exists = there != nullptr || is_directory(*new_path);
    if (exists && rule == rename_rule::refuse) return -EEXIST;
    if (there == nullptr && rule == rename_rule::exchange) return exists ? -EBUSY : -ENOENT;
    const bool as_directory = names_a_directory(from.path) || names_a_directory(to.path);
    if (as_directory && moved->what != inode::sort::directory) return -ENOTDIR;
    if (is_below(*new_path, *old_path)) return -EINVAL;
    if (is_below(*old_path, *new_path)) return rule == rename_rule::exchange ? -EINVAL : -ENOTEMPTY;
    if (moved == there) return 0;
    if (rule == rename_rule::exchange) {
        auto first = take_out(*old_path);
        auto second = take_out(*new_path);
        put_back(std::move(first), *old_path, *new_path);
        put_back(std::move(second), *new_path, *old_path);
        return 0;
    }
    if (const std::int32_t r = refusal_to_replace(*moved, *new_path); r < 0) return r;
    if (there != nullptr) drop(*new_path);
    put_back(take_out(*old_path), *old_path, *new_path);
    return 0;
}

// --- For the rest of the machine -----------------------------------------------------------------------------------

std::int32_t disk::add_socket(std::string_view path) {
    const auto name = resolve({.from = {}, .path = path}, false);
    if (!name) return name.error();
    if (at(*name) != nullptr || is_directory(*name)) return -EADDRINUSE;
    make(*name, inode::sort::socket, 0777);
    return 0;
}

std::int32_t disk::find_socket(std::string_view path) const {
    const auto there = at(normal(path));
    if (there == nullptr) return -ENOENT;
    return there->what == inode::sort::socket ? 0 : -ECONNREFUSED;
}

void disk::remove(std::string_view path) {
    const std::string name = normal(path);
    if (at(name) != nullptr) drop(name);
}

void disk::write(std::string_view path, std::string_view content) {
    remove(path);
    const auto file = make(normal(path), inode::sort::file, 0666);
    const auto bytes = std::as_bytes(std::span(content));
    file->bytes.assign(bytes.begin(), bytes.end());
    used_ += content.size();
}

std::optional<std::string> disk::read(std::string_view path) const {
    const auto there = at(normal(path));
    if (there == nullptr || there->what != inode::sort::file) return std::nullopt;
    return std::string(text_of(*there));
}

bool disk::has_space(const inode& file, std::uint64_t size) noexcept {
    const std::uint64_t used = file.bytes.size();
    if (size <= used || size - used <= world_.options().disk_space - std::min(used_, world_.options().disk_space)) {
        return true;
    }
    ++world_.figures().disk_full;
    return false;
}

bool disk::resize(inode& file, std::size_t size) {
    if (!has_space(file, size)) return false;
    if (file.links != 0) used_ += size - file.bytes.size();  // wraps round if it gets smaller
    file.bytes.resize(size);
    return true;
}

}  // namespace penstock::detail

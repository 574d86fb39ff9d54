// The simulated machine's files, by their names.
//
// A directory that was made is kept, and what is below it must have been made, too. Any other exists as soon as it is
// named, unless a file is in its place, so that a program finds the places that it expects.
#pragma once

#include "backend/simulated/resource.hpp"

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::detail {

struct inode {
    enum class sort : std::uint8_t { file, directory, symlink, null_device, full_device, socket };
    sort what = sort::file;
    std::uint32_t mode = 0644;
    std::uint32_t links = 1;
    std::uint64_t number = 0;
    std::vector<std::byte> bytes;                    ///< of a symbolic link: its text
    std::string path;                                ///< of a directory: where it is now; the root is empty
    std::chrono::system_clock::duration modified{};  ///< since 1970
};

/// Fills in what the kernel would say.
void describe(const inode& file, status_op& op) noexcept;

class open_file;

/// A path, relative to the place of a directory.
struct relative_path {
    std::string from;
    std::string_view path;
};

class disk {
  public:
    explicit disk(simulated_world& in);

    std::expected<std::shared_ptr<open_file>, std::int32_t> open(const relative_path& where, const open_request& how);
    std::int32_t status(const relative_path& where, status_op& op) const;
    std::int32_t rename(const relative_path& from, const relative_path& to, rename_rule rule);
    std::int32_t unlink(const relative_path& where, bool of_directory);
    std::int32_t make_directory(const relative_path& where, std::uint32_t mode);
    std::int32_t symlink(std::string_view text, const relative_path& where);
    std::int32_t link(const relative_path& from, const relative_path& to);

    /// A socket's place; -EADDRINUSE if there is something.
    std::int32_t add_socket(std::string_view path);
    /// 0, or why there is none.
    std::int32_t find_socket(std::string_view path) const;
    void remove(std::string_view path);

    void write(std::string_view path, std::string_view content);
    std::optional<std::string> read(std::string_view path) const;

    /// Makes a file larger, if the disk has space, or smaller. \return whether it is.
    bool resize(inode& file, std::size_t size);
    bool has_space(const inode& file, std::uint64_t size) noexcept;
    std::chrono::system_clock::duration wall_clock() const noexcept;

  private:
    using names = std::map<std::string, std::shared_ptr<inode>, std::less<>>;
    using path_or_error = std::expected<std::string, std::int32_t>;

    /// Follows the links of a path; what it leads to need not exist.
    path_or_error resolve(const relative_path& where, bool follow_last, const path_limits& within = {}) const;
    std::expected<std::shared_ptr<inode>, std::int32_t> find(const relative_path& where, const open_request& how);
    /// For a new name: nothing may have it. \return the path, or why not.
    path_or_error resolve_new(const relative_path& where) const;
    std::shared_ptr<inode> make(const std::string& path, inode::sort what, std::uint32_t mode);
    std::shared_ptr<inode> at(std::string_view path) const;
    std::int32_t refusal_to_hold(std::string_view path) const;
    bool is_directory(std::string_view path) const;
    bool has_something_below(std::string_view path) const;
    std::int32_t refusal_to_replace(const inode& with, const std::string& path) const;
    void drop(const std::string& path);
    names take_out(const std::string& path);
    void put_back(names&& all, const std::string& old_path, const std::string& new_path);

    simulated_world& world_;
    names files_;
    std::uint64_t inodes_ = 1;
    std::uint64_t used_ = 0;
};

}  // namespace penstock::detail

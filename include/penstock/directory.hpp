// Files by their names: fs::directory to be relative to; renaming, removing, making directories and links.
#pragma once

#include <penstock/file.hpp>

#include <string>
#include <utility>

namespace penstock::fs {

using path_limits = detail::path_limits;  ///< open_options::within
using rename_rule = detail::rename_rule;

/// An open directory: `directory / "path"` is a place in it, also after it was renamed. Move-only; used on its loop's
/// thread; must end before the loop, and after what is done with places in it.
class directory {
  public:
    directory() noexcept = default;
    explicit directory(file opened) noexcept : inside_(std::move(opened)) {}

    bool open() const noexcept { return inside_.open(); }
    handle name() const noexcept { return inside_.name(); }

    /// statx(2).
    task<result<file_status>> status() { return inside_.status(); }
    /// Makes the names in it durable. fsync(2). Errors: bad_file_descriptor with open_options::path_only.
    task<result<void>> sync() { return inside_.sync(); }
    /// Closes; ends when that is done.
    task<result<void>> close() { return inside_.close(); }

  private:
    file inside_;
};

/// A place in a directory. In one that is closed there is none: what is done there fails with bad_file_descriptor.
inline place operator/(const directory& in, std::string path) noexcept {
    constexpr handle closed{0x7fff'ffff};  // an invalid one would be the working directory
    return {in.open() ? in.name() : closed, std::move(path)};
}

// For all of these, what is done is done by the time they end, and nothing of it before they have begun. Cancelling
// one takes effect at completion where a disk is concerned (see capabilities): then its result says what happened.

/// Opens a directory; open_options::directory is set for it. Errors: open(2), not_a_directory among them.
task<result<directory>> open_directory(place where, open_options options = {});

/// What statx(2) says of what is there, or with `follow` false of a symbolic link itself. Errors: statx(2).
task<result<file_status>> status(place where, bool follow = true);

/// Gives a file or directory another name, at once for everybody. Errors: renameat2(2); with rename_rule::refuse
/// file_exists; with rename_rule::exchange no_such_file_or_directory unless both are there; invalid_argument if the
/// file system has no such rule.
task<result<void>> rename(place from, place to, rename_rule rule = rename_rule::replace);

/// Removes the name of a file, and the file with its last name when nobody has it open. Errors: unlinkat(2),
/// is_a_directory among them.
task<result<void>> remove_file(place where);
/// Removes an empty directory. Errors: unlinkat(2), directory_not_empty and not_a_directory among them.
task<result<void>> remove_directory(place where);

/// `mode`: permission bits, of which the process's umask is taken away. Errors: mkdirat(2), file_exists among them.
task<result<void>> make_directory(place where, std::uint32_t mode = 0777);

/// Makes a symbolic link with the content `text`, which need not name anything. Errors: symlinkat(2).
task<result<void>> make_symlink(std::string text, place where);

/// Gives the file at `from` one more name; a symbolic link gets one itself. Errors: linkat(2);
/// operation_not_permitted for a directory, cross_device_link for another file system.
task<result<void>> make_link(place from, place to);

}  // namespace penstock::fs

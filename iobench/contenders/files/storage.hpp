// Where the files that are measured live, and those files.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace iobench {

/// A directory, and what kind of file system holds it.
struct storage {
    std::string directory;
    std::string file_system;  ///< "ext4"; the number of statfs(2) in hexadecimal for one that has no name here
    bool in_memory = false;   ///< tmpfs or ramfs: no disk is measured there
};

/// From now on files are made in `directory`. Before the first workload is asked for anything.
void use_directory(std::string directory);
/// The one of use_directory(), else that of the environment variable TMPDIR, else the first of /var/tmp, the working
/// directory and the home directory that is writable and not in memory.
const storage& chosen_storage();
/// Why files there can't show what a disk does; empty if they can.
std::string no_disk();

/// Files full of marked pages (content.hpp). They have no name: they are gone with this process, however that ends.
class data_files {
  public:
    /// Makes them (empty, if there are no bytes), or finds those that an earlier call has made. Errors name the
    /// directory.
    static std::expected<std::shared_ptr<const data_files>, std::string> of(std::size_t count, std::uint64_t bytes);
    ~data_files();
    data_files(const data_files&) = delete;
    data_files& operator=(const data_files&) = delete;

    /// By which other processes of this user open them.
    const std::vector<std::string>& paths() const noexcept { return paths_; }
    std::uint64_t bytes() const noexcept { return bytes_; }  ///< of each
    std::uint64_t seed() const noexcept { return seed_; }    ///< of their content
    /// Takes what is clean out of the page cache (POSIX_FADV_DONTNEED); what was written is written back before.
    void drop_from_cache() const noexcept;
    /// They are empty then. For those that are made to be written.
    void make_empty() const noexcept;
    /// Reads all of it.
    void read_into_cache() const noexcept;

  private:
    data_files() = default;
    std::expected<void, std::string> make(std::size_t count);
    std::expected<void, std::string> fill(int fd, std::size_t file) const;

    std::vector<int> descriptors_;
    std::vector<std::string> paths_;
    std::uint64_t bytes_ = 0;
    std::uint64_t seed_ = 1;
};

}  // namespace iobench

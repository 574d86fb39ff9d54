// What a descriptor is, as far as it matters to who does the work on files.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::detail {

/// Found out at a descriptor's first operation, remembered until it is closed; a byte for each.
class file_notes {
  public:
    enum flag : std::uint8_t {
        examined = 1,
        on_disk = 2,          ///< a regular file or a block device: reads and writes have an offset and an end
        direct = 4,           ///< O_DIRECT
        refuses_reads = 8,    ///< the mechanism cannot read it; so with the two below
        refuses_writes = 16,  ///<
        refuses_syncs = 32,   ///<
    };

    /// A number that is no descriptor has none.
    bool has(std::int32_t fd, flag f) { return fd >= 0 && (of(fd) & f) != 0; }
    void set(std::int32_t fd, flag f) { of(fd) |= f; }
    void forget(std::int32_t fd) noexcept {
        if (static_cast<std::size_t>(fd) < flags_.size()) flags_[static_cast<std::size_t>(fd)] = 0;
    }

  private:
    std::uint8_t& of(std::int32_t fd) {
        const auto at = static_cast<std::size_t>(fd);
        if (at >= flags_.size()) flags_.resize(at + 64);
        if (flags_[at] == 0) flags_[at] = examine(fd);
        return flags_[at];
    }

    static std::uint8_t examine(std::int32_t fd) noexcept {
        struct ::stat status{};
        std::uint8_t found = examined;
        if (::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode))) found |= on_disk;
        const int flags = ::fcntl(fd, F_GETFL);
        if (flags >= 0 && (flags & O_DIRECT) != 0) found |= direct;
        return found;
    }

    std::vector<std::uint8_t> flags_;
};

}  // namespace penstock::detail

#include "contenders/files/storage.hpp"

#include "contenders/files/content.hpp"
#include "process/interrupt.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

namespace iobench {

namespace {

constexpr std::size_t piece = std::size_t{1} << 20;
constexpr long xfs_magic = 0x58465342;  // not in <linux/magic.h>

std::string asked_for;

std::string name_of(long magic) {
    constexpr std::pair<long, const char*> known[] = {
        {EXT4_SUPER_MAGIC, "ext4"},           {xfs_magic, "xfs"},       {BTRFS_SUPER_MAGIC, "btrfs"},
        {F2FS_SUPER_MAGIC, "f2fs"},           {TMPFS_MAGIC, "tmpfs"},   {RAMFS_MAGIC, "ramfs"},
        {OVERLAYFS_SUPER_MAGIC, "overlayfs"}, {NFS_SUPER_MAGIC, "nfs"},
    };
    const auto* const found = std::ranges::find(known, magic, &std::pair<long, const char*>::first);
    if (found != std::end(known)) return found->second;
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), "%#lx", magic);
    return number.data();
}

storage examine(const std::string& directory) {
    struct ::statfs about{};
    if (::statfs(directory.c_str(), &about) != 0) return {directory, std::strerror(errno)};
    const auto magic = static_cast<long>(about.f_type);
    return {directory, name_of(magic), magic == TMPFS_MAGIC || magic == RAMFS_MAGIC};
}

const char* text_of(const char* variable) {
    const char* const value = std::getenv(variable);
    return value != nullptr ? value : "";
}

storage choose() {
    for (const std::string& wanted : {asked_for, std::string(text_of("TMPDIR"))}) {
        if (!wanted.empty()) return examine(wanted);
    }
    for (const std::string& candidate : {std::string("/var/tmp"), std::string("."), std::string(text_of("HOME"))}) {
        if (::access(candidate.c_str(), W_OK) != 0) continue;
        if (storage found = examine(candidate); !found.in_memory) return found;
    }
    return examine("/var/tmp");
}

}  // namespace

void use_directory(std::string directory) { asked_for = std::move(directory); }

const storage& chosen_storage() {
    static const storage chosen = choose();
    return chosen;
}

std::string no_disk() {
    const storage& here = chosen_storage();
    if (!here.in_memory) return {};
    return here.directory + " is in memory (" + here.file_system + "): name a directory on a disk by TMPDIR";
}

std::expected<std::shared_ptr<const data_files>, std::string> data_files::of(std::size_t count, std::uint64_t bytes) {
    static std::map<std::pair<std::size_t, std::uint64_t>, std::shared_ptr<const data_files>> made_before;
    auto& entry = made_before[{count, bytes}];
    if (entry == nullptr) {
        std::shared_ptr<data_files> made(new data_files);
        made->bytes_ = bytes;
        if (auto ready = made->make(count); !ready) return std::unexpected(std::move(ready.error()));
        entry = std::move(made);
    }
    return entry;
}

data_files::~data_files() {
    for (const int fd : descriptors_) ::close(fd);
}

std::expected<void, std::string> data_files::make(std::size_t count) {
    const std::string& directory = chosen_storage().directory;
    const auto failed = [&](const std::string& why) { return std::unexpected("files in " + directory + ": " + why); };
    for (std::size_t file = 0; file < count; ++file) {
        std::string name = directory + "/iobench-XXXXXX";
        const int fd = ::mkostemp(name.data(), O_CLOEXEC);
        if (fd < 0) return failed(std::strerror(errno));
        ::unlink(name.c_str());
        descriptors_.push_back(fd);
        paths_.push_back("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd));
        if (auto filled = fill(fd, file); !filled) return failed(filled.error());
    }
    for (const int fd : descriptors_) {
        if (::fsync(fd) != 0) return failed(std::strerror(errno));
    }
    return {};
}

std::expected<void, std::string> data_files::fill(int fd, std::size_t file) const {
    std::vector<std::byte> bytes(std::min<std::uint64_t>(piece, bytes_));
    fill_with_noise(bytes, seed_);
    for (std::uint64_t at = 0; at < bytes_; at += bytes.size()) {
        if (interrupted()) return std::unexpected("interrupted");
        const auto part = std::span(bytes).first(std::min<std::uint64_t>(bytes.size(), bytes_ - at));
        mark_pages(part, seed_, file, at);
        const ::ssize_t n = ::pwrite(fd, part.data(), part.size(), static_cast<::off_t>(at));
        if (n != static_cast<::ssize_t>(part.size())) {
            return std::unexpected(n < 0 ? std::strerror(errno) : "no space left");
        }
    }
    return {};
}

void data_files::drop_from_cache() const noexcept {
    for (const int fd : descriptors_) {
        ::fdatasync(fd);
        ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }
}

void data_files::make_empty() const noexcept {
    for (const int fd : descriptors_) {
        static_cast<void>(::ftruncate(fd, 0) + 0);
        ::fsync(fd);
    }
}

void data_files::read_into_cache() const noexcept {
    static std::array<char, piece> bytes;
    for (const int fd : descriptors_) {
        ::off_t at = 0;
        for (::ssize_t n = 0; (n = ::pread(fd, bytes.data(), bytes.size(), at)) > 0;) at += n;
    }
}

}  // namespace iobench

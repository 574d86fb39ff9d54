// The simulated machine's files. Directories are not kept: each exists unless a file is in its place.
#pragma once

#include "backend/simulated/resource.hpp"

#include <sys/stat.h>

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
    enum class sort : std::uint8_t { file, directory, null_device, full_device, socket };
    sort what = sort::file;
    std::uint32_t mode = 0644;
    std::uint64_t number = 0;
    std::vector<std::byte> bytes;
    std::chrono::system_clock::duration modified{};  ///< since 1970
};

class open_file;

class disk {
  public:
    explicit disk(simulated_world& in);

    std::expected<std::shared_ptr<open_file>, std::int32_t> open(std::string_view path, const open_request& how);
    /// A socket's place; -EADDRINUSE if there is something.
    std::int32_t add_socket(std::string_view path);
    /// 0, or why there is none.
    std::int32_t find_socket(std::string_view path) const;
    void remove(std::string_view path);

    void write(std::string_view path, std::string_view content);
    std::optional<std::string> read(std::string_view path) const;

    /// Makes a file larger, if the disk has space. \return whether it is.
    bool grow(inode& file, std::size_t size);
    std::chrono::system_clock::duration wall_clock() const noexcept;

  private:
    std::expected<std::shared_ptr<inode>, std::int32_t> find(std::string_view path, const open_request& how);
    std::shared_ptr<inode> make(const std::string& path, inode::sort what, std::uint32_t mode);
    std::int32_t refusal_of(const std::string& path) const;
    bool is_directory(const std::string& path) const;

    simulated_world& world_;
    std::map<std::string, std::shared_ptr<inode>, std::less<>> files_;
    std::uint64_t inodes_ = 1;
    std::uint64_t used_ = 0;
};

class open_file final : public resource {
  public:
    open_file(simulated_world& in, std::shared_ptr<inode> file, const open_request& how) noexcept
        : resource(in), file_(std::move(file)), how_(how) {}

    std::int32_t read(std::span<std::byte> into) noexcept override;
    std::int32_t write(std::span<const std::byte> from) noexcept override;

    std::int32_t read_at(const read_at_op& op) noexcept;
    std::int32_t write_at(const write_at_op& op) noexcept;
    std::int32_t sync() noexcept;
    std::int32_t status(status_op& op) noexcept;

  private:
    std::int32_t refusal_of(const read_at_op& op) const noexcept;
    std::int32_t read_once(std::span<std::byte> into, std::uint64_t offset) noexcept;
    std::int32_t write_once(std::span<const std::byte> from, std::uint64_t offset) noexcept;
    std::size_t cut_short(std::size_t size) noexcept;

    std::shared_ptr<inode> file_;
    open_request how_;
    std::uint64_t position_ = 0;
};

}  // namespace penstock::detail

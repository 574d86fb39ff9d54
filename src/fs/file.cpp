#include <penstock/file.hpp>

#include "op/status.hpp"

#include <sys/stat.h>

namespace penstock::fs {
namespace {

template <class Op>
using must_run = detail::awaited<Op, detail::cancellable::no>;

file_type type_of(std::uint32_t mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFREG: return file_type::regular;
        case S_IFDIR: return file_type::directory;
        case S_IFLNK: return file_type::symlink;
        case S_IFIFO: return file_type::fifo;
        case S_IFSOCK: return file_type::socket;
        case S_IFCHR: return file_type::character_device;
        case S_IFBLK: return file_type::block_device;
        default: return file_type::other;
    }
}

/// Closes a dropped file in the background; frees itself.
struct background_close : detail::record {
    background_close(loop& owner, handle h) noexcept : home(owner), op(h) {
        op.self = this;
        op.run = [](detail::ready_item& item) noexcept {
            background_close* const self = static_cast<own_close&>(item).self;
            self->home.note_descriptor_freed();
            self->home.remove_record(*self);
            delete self;
        };
        shut_down = [](detail::record&) noexcept {};  // it is ending already
    }
    struct own_close : detail::close_op {
        using close_op::close_op;
        background_close* self = nullptr;
    };
    loop& home;
    own_close op;
};

}  // namespace

file::~file() {
    if (!handle_.valid()) return;
    auto* const closing = new background_close(*home_, handle_);
    home_->add_record(*closing);
    if (!home_->start(closing->op)) home_->enqueue(closing->op);
}

task<result<void>> file::write_all_at(std::span<const std::byte> from, std::uint64_t offset) {
    while (!from.empty()) {
        const auto written = co_await write_at(from, offset);
        if (!written) co_return std::unexpected(written.error());
        if (*written == 0) co_return fail(std::errc::io_error);
        from = from.subspan(*written);
        offset += *written;
    }
    co_return result<void>{};
}

task<result<void>> file::sync(bool data_only) {
    co_return detail::to_result(co_await detail::awaited<detail::sync_op>(handle_, data_only));
}

task<result<file_status>> file::status() {
    detail::awaited<detail::status_op> op(handle_);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    const detail::raw_status raw = detail::decode_status(op);
    co_return file_status{.type = type_of(raw.mode),
                          .mode = raw.mode & 07777,
                          .links = raw.links,
                          .user = raw.user,
                          .group = raw.group,
                          .size = raw.size,
                          .blocks = raw.blocks,
                          .inode = raw.inode,
                          .modified = raw.modified};
}

task<result<void>> file::close() {
    if (!handle_.valid()) co_return result<void>{};
    const auto r = co_await must_run<detail::close_op>(std::exchange(handle_, {}));
    home_->note_descriptor_freed();
    co_return detail::to_result(r);
}

task<result<file>> open(std::string path, open_options options) {
    detail::awaited<detail::open_op> op(path.c_str(), options);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return file(*current_loop, {r});
}

}  // namespace penstock::fs

#include <penstock/file.hpp>

#include "coro/background_close.hpp"
#include "fs/file_status.hpp"

namespace penstock::fs {
namespace {

template <class Op>
using must_run = detail::awaited<Op, detail::cancellable::no>;

}  // namespace

file::~file() {
    if (handle_.valid()) detail::close_in_background(*home_, handle_);
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

task<result<void>> file::sync_range(std::uint64_t offset, std::uint64_t length, bool begin_only) {
    detail::awaited<detail::sync_range_op> op(handle_, offset, length, begin_only);
    co_return detail::to_result(co_await op);
}

task<result<void>> file::truncate(std::uint64_t size) {
    detail::awaited<detail::truncate_op> op(handle_, size);
    co_return detail::to_result(co_await op);
}

task<result<void>> file::allocate(std::uint64_t offset, std::uint64_t length, allocation what) {
    detail::awaited<detail::allocate_op> op(handle_, offset, length, what);
    co_return detail::to_result(co_await op);
}

task<result<void>> file::advise(std::uint64_t offset, std::uint64_t length, file_advice advice) {
    detail::awaited<detail::advise_op> op(handle_, offset, length, advice);
    co_return detail::to_result(co_await op);
}

task<result<void>> advise_memory(std::span<std::byte> memory, memory_advice advice) {
    detail::awaited<detail::advise_memory_op> op(memory.data(), memory.size(), advice);
    co_return detail::to_result(co_await op);
}

task<result<file_status>> file::status() {
    detail::awaited<detail::status_op> op(handle_);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return as_file_status(op);
}

task<result<void>> file::close() {
    if (!handle_.valid()) co_return result<void>{};
    const auto r = co_await must_run<detail::close_op>(std::exchange(handle_, {}));
    home_->note_descriptor_freed();
    co_return detail::to_result(r);
}

task<result<file>> open(place where, open_options options) {
    detail::awaited<detail::open_op> op(where.path().c_str(), options, where.directory());
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return file(*current_loop, {r});
}

}  // namespace penstock::fs

#include <penstock/directory.hpp>

#include "fs/file_status.hpp"

namespace penstock::fs {

task<result<directory>> open_directory(place where, open_options options) {
    options.directory = true;
    auto opened = co_await open(std::move(where), options);
    if (!opened) co_return std::unexpected(opened.error());
    co_return directory(std::move(*opened));
}

task<result<file_status>> status(place where, bool follow) {
    if (where.path().empty()) co_return fail(std::errc::no_such_file_or_directory);  // the kernel's way to say "itself"
    detail::awaited<detail::status_op> op(where.directory(), where.path().c_str(), follow);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return as_file_status(op);
}

task<result<void>> rename(place from, place to, rename_rule rule) {
    detail::awaited<detail::rename_op> op(from.directory(), from.path().c_str(), to.directory(), to.path().c_str(),
                                          rule);
    co_return detail::to_result(co_await op);
}

task<result<void>> remove_file(place where) {
    detail::awaited<detail::unlink_op> op(where.directory(), where.path().c_str(), false);
    co_return detail::to_result(co_await op);
}

task<result<void>> remove_directory(place where) {
    detail::awaited<detail::unlink_op> op(where.directory(), where.path().c_str(), true);
    co_return detail::to_result(co_await op);
}

task<result<void>> make_directory(place where, std::uint32_t mode) {
    detail::awaited<detail::make_directory_op> op(where.directory(), where.path().c_str(), mode);
    co_return detail::to_result(co_await op);
}

task<result<void>> make_symlink(std::string text, place where) {
    detail::awaited<detail::symlink_op> op(text.c_str(), where.directory(), where.path().c_str());
    co_return detail::to_result(co_await op);
}

task<result<void>> make_link(place from, place to) {
    detail::awaited<detail::link_op> op(from.directory(), from.path().c_str(), to.directory(), to.path().c_str());
    co_return detail::to_result(co_await op);
}

}  // namespace penstock::fs

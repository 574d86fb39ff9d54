#include <penstock/stream.hpp>

#include <penstock/listener.hpp>
#include <penstock/when.hpp>

#include <cerrno>

namespace penstock::net {
namespace {

template <class Op>
using must_run = detail::awaited<Op, detail::cancellable::no>;

}  // namespace

task<result<void>> stream::shutdown(detail::shutdown_side side) {
    co_return detail::to_result(co_await must_run<detail::shutdown_op>(name(), side));
}

task<result<endpoint>> stream::name_of(bool peer) {
    must_run<detail::name_op> op(name(), peer);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return op.address;
}

task<result<void>> stream::set_option(detail::socket_option option, int value) {
    co_return detail::to_result(co_await must_run<detail::option_op>(name(), option, value, true));
}

task<result<int>> stream::get_option(detail::socket_option option) {
    must_run<detail::option_op> op(name(), option, 0, false);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return op.value;
}

task<result<stream>> connect(endpoint to) {
    const auto opened = co_await must_run<detail::socket_op>(to.family(), detail::socket_type::stream);
    if (opened < 0) co_return std::unexpected(detail::decode(opened));
    const handle h{opened};
    std::int32_t r = 0;
    if (to.family() != address_family::unix_path) {
        r = co_await must_run<detail::option_op>(h, socket_option::no_delay, 1, true);
    }
    if (r >= 0) r = co_await detail::awaited<detail::connect_op>(h, to);
    if (r < 0) {
        co_await must_run<detail::close_op>(h);
        current_loop->note_descriptor_freed();
        co_return std::unexpected(detail::decode(r));
    }
    co_return stream(detail::make_stream_record(*current_loop, h, op_kind::receive));
}

task<result<std::pair<stream, stream>>> connected_pair() {
    auto at = co_await listen(endpoint::loopback(0), {.backlog = 1});
    if (!at) co_return std::unexpected(at.error());
    const auto where = co_await at->local_endpoint();
    if (!where) co_return std::unexpected(where.error());
    auto near = co_await connect(*where);
    if (!near) co_return std::unexpected(near.error());
    auto far = co_await at->accept();
    if (!far) co_return std::unexpected(far.error());
    co_await at->close();
    co_return std::pair(std::move(*near), std::move(*far));
}

}  // namespace penstock::net

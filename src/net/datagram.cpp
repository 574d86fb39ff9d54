#include <penstock/datagram.hpp>

namespace penstock::net {
namespace {

template <class Op>
using must_run = detail::awaited<Op, detail::cancellable::no>;

task<result<void>> set(handle h, socket_option option, int value) {
    co_return detail::to_result(co_await must_run<detail::option_op>(h, option, value, true));
}

task<result<void>> prepare(handle h, address_family family, const datagram_options& options) {
    if (options.reuse_address) {
        if (auto r = co_await set(h, socket_option::reuse_address, 1); !r) co_return r;
    }
    if (options.reuse_port) {
        if (auto r = co_await set(h, socket_option::reuse_port, 1); !r) co_return r;
    }
    if (family == address_family::ipv6) {
        if (auto r = co_await set(h, socket_option::ipv6_only, options.ipv6_only ? 1 : 0); !r) co_return r;
    }
    co_return result<void>{};
}

/// Makes one, and has `begin` bind or connect it.
template <class Begin>
task<result<datagram_socket>> make(address_family family, datagram_options options, Begin begin) {
    const auto opened = co_await must_run<detail::socket_op>(family, detail::socket_type::datagram);
    if (opened < 0) co_return std::unexpected(detail::decode(opened));
    const handle h{opened};
    auto prepared = co_await prepare(h, family, options);
    if (prepared) prepared = co_await begin(h);
    if (!prepared) {
        co_await must_run<detail::close_op>(h);
        current_loop->note_descriptor_freed();
        co_return std::unexpected(prepared.error());
    }
    const bool over_path = family == address_family::unix_path;
    bool segments = false;
    bool joins = false;
    if (!over_path) {
        must_run<detail::option_op> asking(h, socket_option::udp_segment, 0, false);
        const auto asked = co_await asking;  // a kernel that does not know the option would send one large datagram
        segments = asked >= 0 && !options.segment_here;
        if (options.join_segments) {
            const auto joined = co_await set(h, socket_option::udp_join, 1);
            joins = joined.has_value();
        }
    }
    co_return datagram_socket(detail::make_stream_record(*current_loop, h, op_kind::receive), over_path, segments,
                              joins);
}

task<result<endpoint>> name_of(handle h, bool peer) {
    must_run<detail::name_op> op(h, peer);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return op.address;
}

task<result<void>> connect_to(handle h, endpoint to) {
    co_return detail::to_result(co_await detail::awaited<detail::connect_op>(h, to));
}

task<result<void>> bind_at(handle h, endpoint at) {
    co_return detail::to_result(co_await must_run<detail::bind_op>(h, at));
}

}  // namespace

task<result<void>> datagram_socket::connect(endpoint to) {
    if (!open()) co_return fail(std::errc::bad_file_descriptor);
    co_return co_await connect_to(name(), to);
}

task<result<endpoint>> datagram_socket::local_endpoint() { return name_of(name(), false); }

task<result<endpoint>> datagram_socket::peer_endpoint() { return name_of(name(), true); }

task<result<void>> datagram_socket::set_option(socket_option option, int value) { return set(name(), option, value); }

task<result<int>> datagram_socket::get_option(socket_option option) {
    must_run<detail::option_op> op(name(), option, 0, false);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return op.value;
}

task<result<datagram_socket>> bind_datagram(endpoint at, datagram_options options) {
    return make(at.family(), options, [at](handle h) { return bind_at(h, at); });
}

task<result<datagram_socket>> connect_datagram(endpoint to, datagram_options options) {
    return make(to.family(), options, [to](handle h) { return connect_to(h, to); });
}

}  // namespace penstock::net

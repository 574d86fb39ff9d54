#include <penstock/listener.hpp>

#include "runtime/loop_core.hpp"

#include <cerrno>
#include <cstdio>
#include <new>

namespace penstock {
namespace detail {
namespace {

// What a peer did to its own connection, or the network: the listener is as good as before.
bool concerns_one_connection(std::int32_t e) noexcept {
    switch (-e) {
        case ECONNABORTED:
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EPERM:
        case EINTR:
        case EAGAIN: return true;
        default: return false;
    }
}

bool is_shortage(std::int32_t e) noexcept {
    return e == -EMFILE || e == -ENFILE || e == -ENOBUFS || e == -ENOMEM || e == encode(errc::too_many_open_files);
}

}  // namespace

listener_record::listener_record(loop& owner, handle listening, std::uint32_t queue)
    : home(owner), incoming(*this, listening, queue), closing(*this, listening) {
    incoming.run = [](ready_item& item) noexcept { static_cast<own<accept_op>&>(item).self.on_incoming(); };
    closing.run = [](ready_item& item) noexcept { static_cast<own<close_op>&>(item).self.on_closed(); };
    retry.self = this;
    retry.fire = [](timer_node& t) noexcept {
        auto& self = *static_cast<own_retry&>(t).self;
        self.retry.unlink();
        if (self.waiter != nullptr && !self.armed()) self.arm();
        self.tell();
    };
    shut_down = [](record& r) noexcept {
        auto& self = static_cast<listener_record&>(r);
        if (!self.shutting) self.close(nullptr);
    };
}

bool listener_record::await_stream(accept_waiter& w) noexcept {
    // An outcome in the ready queue is heard first; see stream_record::await_input().
    if (!armed() && !incoming.ready && !retry.set) arm();
    if (has_something() && !incoming.ready) return false;
    waiter = &w;
    return true;
}

result<net::stream> listener_record::take() noexcept {
    if (incoming.accepted.empty()) {
        const std::int32_t told = failure;
        if (is_refusal(told)) failure = 0;  // nothing was begun, so nothing has ended
        return std::unexpected(decode(told));
    }
    return net::stream(make_stream_record(home, incoming.accepted.pop(), op_kind::receive));
}

void listener_record::arm() noexcept {
    while (!has_something() && !retry.set && !home.start(incoming)) note_outcome();
}

void listener_record::note_outcome() noexcept {
    const bool on_purpose = stopping && incoming.result == -ECANCELED;
    stopping = false;
    if (incoming.accepted.full() && !on_purpose) ++home.figures().accept_queue_waits;
    if (incoming.result >= 0 || on_purpose || concerns_one_connection(incoming.result)) return;
    if (is_shortage(incoming.result)) {
        ++home.figures().accept_pauses;
        home.await_descriptor(retry);
        return;
    }
    failure = incoming.result;
}

void listener_record::on_incoming() noexcept {
    incoming.ready = false;
    const bool stopped = incoming.final && stopping;
    if (incoming.final) note_outcome();
    if (shutting) {
        if (armed()) return;
        if (accept_waiter* const w = std::exchange(waiter, nullptr)) {
            w->ready(*w);  // it goes on with the close when it leaves
        } else {
            close_when_unused();
        }
        return;
    }
    if (stopped) {
        if (accept_waiter* const w = std::exchange(waiter, nullptr)) w->ready(*w);
        return;
    }
    if (waiter != nullptr && !armed()) arm();
    tell();
}

void listener_record::tell() noexcept {
    if (waiter == nullptr || !has_something()) return;
    accept_waiter* const w = std::exchange(waiter, nullptr);
    w->ready(*w);
}

bool listener_record::stop(accept_waiter& w) noexcept {
    home.cancel_timer(retry);
    if (!armed()) return false;
    waiter = &w;
    stopping = true;
    home.cancel(incoming);
    return true;
}

void listener_record::close(close_waiter* w) noexcept {
    shutting = true;
    closed_for = w;
    home.cancel_timer(retry);
    if (armed()) {
        stopping = true;
        home.cancel(incoming);
    } else if (waiter != nullptr && !incoming.ready) {
        incoming.ready = true;  // it waited for a descriptor; it is told there, too
        home.enqueue(incoming);
    } else {
        close_when_unused();
    }
}

void listener_record::close_when_unused() noexcept {
    if (armed() || incoming.ready || held) return;
    home.cancel_timer(retry);  // again, since the last outcome may have been a shortage
    while (!incoming.accepted.empty()) static_cast<void>(take());  // a dropped stream closes itself
    if (!home.start(closing)) {
        closing.ready = true;
        home.enqueue(closing);
    }
}

void listener_record::on_closed() noexcept {
    home.note_descriptor_freed();
    if (closed_for != nullptr) home.enqueue(*closed_for);
    home.remove_record(*this);
    delete this;
}

namespace {

/// Keeps another task from closing the listener under this one.
struct holding {
    explicit holding(listener_record& r) noexcept : record(r) { record.held = true; }
    ~holding() { record.leave(); }
    holding(const holding&) = delete;
    holding& operator=(const holding&) = delete;
    listener_record& record;
};

/// Waits until the accept under way has ended.
struct stopped_awaiter : accept_waiter {
    explicit stopped_awaiter(listener_record& r) noexcept : record(r) {}
    listener_record& record;
    std::coroutine_handle<> task;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> h) noexcept {
        task = h;
        ready = [](accept_waiter& w) noexcept { static_cast<stopped_awaiter&>(w).task.resume(); };
        return record.stop(*this);
    }
    void await_resume() const noexcept {}
};

}  // namespace
}  // namespace detail

namespace net {
namespace {

template <class Op>
using must_run = detail::awaited<Op, detail::cancellable::no>;

task<result<void>> set(handle h, socket_option option, bool wanted) {
    if (!wanted) co_return result<void>{};
    co_return detail::to_result(co_await must_run<detail::option_op>(h, option, 1, true));
}

void remove_path(const std::string& path) {
    if (detail::machine* const own = current_loop->core().own) {
        own->remove_file(path.c_str());
    } else {
        static_cast<void>(std::remove(path.c_str()));
    }
}

task<result<void>> prepare(handle h, const endpoint& at, const listen_options& options) {
    if (at.family() == address_family::unix_path) {
        if (options.unlink_existing && at.path().starts_with('/')) remove_path(at.path());
    } else {
        if (auto r = co_await set(h, socket_option::reuse_address, options.reuse_address); !r) co_return r;
        if (auto r = co_await set(h, socket_option::reuse_port, options.reuse_port); !r) co_return r;
        // Accepted sockets inherit it, which saves a call for each.
        if (auto r = co_await set(h, socket_option::no_delay, true); !r) co_return r;
        if (at.family() == address_family::ipv6) {
            const int only = options.ipv6_only ? 1 : 0;
            const auto r = co_await must_run<detail::option_op>(h, socket_option::ipv6_only, only, true);
            if (r < 0) co_return detail::to_result(r);
        }
    }
    if (const auto r = co_await must_run<detail::bind_op>(h, at); r < 0) co_return detail::to_result(r);
    co_return detail::to_result(co_await must_run<detail::listen_op>(h, options.backlog));
}

listener make_listener(handle listening, const listen_options& options) {
    auto* const record = new detail::listener_record(*current_loop, listening, options.queue);
    current_loop->add_record(*record);
    return listener(*record);
}

}  // namespace

task<result<listener>> listen(endpoint at, listen_options options) {
    const auto opened = co_await must_run<detail::socket_op>(at.family(), detail::socket_type::stream);
    if (opened < 0) co_return std::unexpected(detail::decode(opened));
    const auto prepared = co_await prepare({opened}, at, options);
    if (!prepared) {
        co_await must_run<detail::close_op>(handle{opened});
        co_return std::unexpected(prepared.error());
    }
    co_return make_listener({opened}, options);
}

task<result<listener>> adopt_listener(int descriptor, listen_options options) {
    const auto taken = co_await must_run<detail::adopt_op>(descriptor, true);
    if (taken < 0) co_return std::unexpected(detail::decode(taken));
    co_return make_listener({taken}, options);
}

task<std::optional<stream>> listener::drain() {
    if (record_ == nullptr || record_->held) co_return std::nullopt;
    const detail::holding listening(*record_);
    detail::listener_record& record = listening.record;
    co_await detail::stopped_awaiter(record);
    if (record.incoming.accepted.empty()) {
        must_run<detail::accept_op> pending(record.incoming.listener, 1);
        pending.only_pending = true;
        if (co_await pending < 0) co_return std::nullopt;
        record.incoming.accepted.push(pending.accepted.pop());
    }
    auto next = record.take();
    co_return std::move(*next);
}

task<result<endpoint>> listener::local_endpoint() {
    if (record_ == nullptr) co_return fail(std::errc::bad_file_descriptor);
    must_run<detail::name_op> op(record_->incoming.listener, false);
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    co_return op.address;
}

}  // namespace net
}  // namespace penstock

#include <penstock/transfer.hpp>

#include "coro/streams_in_use.hpp"
#include "runtime/loop_core.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::detail {
namespace {

constexpr std::uint64_t most_per_splice = std::uint64_t{1} << 20;  // more than a pipe takes in one call

/// What is not the stream's fault but says that its bytes can't be moved this way.
bool cannot_splice(std::int32_t r) noexcept { return r == -EINVAL || r == -EOPNOTSUPP || r == -ENOSYS || r == -EPERM; }

/// Waits until the receive under way has ended, or has brought something before that.
struct input_stopped : receive_waiter {
    explicit input_stopped(stream_record& r) noexcept : record(r) {}
    stream_record& record;
    std::coroutine_handle<> task;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> h) noexcept {
        task = h;
        ready = [](receive_waiter& w, stream_record&) noexcept { static_cast<input_stopped&>(w).task.resume(); };
        return record.disarm(*this);
    }
    void await_resume() const noexcept {}
};

/// Whether the way that was tried has finished the transfer, or another must go on.
enum class step : std::uint8_t { done, go_on };

/// One transfer under way. Closing one of its streams cancels it.
class moving {
  public:
    moving(stream_record& from, stream_record& to, std::uint64_t most, transfer_progress& progress,
           cancel_state* surroundings, transfer_ahead* ahead) noexcept
        : from_(from),
          to_(to),
          most_(most),
          done_(progress),
          ahead_(ahead != nullptr && !ahead->slices.empty() ? ahead : nullptr),
          use_(from, to, surroundings) {}

    cancel_state& cancellation() noexcept { return use_.cancellation(); }

    bool worth_splicing() const noexcept {
        const capability_table& can = from_.home.explain().capabilities;
        return left() >= transfer_splice_threshold && from_.splices && to_.splices &&
               can[op_kind::splice].support != support::unsupported &&
               can[op_kind::pipe].support != support::unsupported;
    }

    task<result<step>> by_splicing();
    task<result<step>> by_copying();
    task<result<step>> send_ahead(bool more_follows);

  private:
    std::uint64_t left() const noexcept { return most_ - done_.taken; }

    std::unexpected<std::error_code> failed(transfer_side side, std::error_code why) noexcept {
        done_.failed = side;
        return std::unexpected(why);
    }

    task<result<step>> copy_piece();
    task<std::size_t> send(std::span<const io_slice> slices, bool more_follows = false);
    template <class Op>
    task<std::size_t> send_by(std::span<const io_slice> slices, bool more_follows);
    task<transfer_pipe*> open_pipe();
    task<result<step>> splice_through(transfer_pipe& pipe);
    task<std::int32_t> fill(transfer_pipe& pipe, bool only_pending);
    task<std::int32_t> drain(transfer_pipe& pipe);
    task<std::int32_t> drain_by_copying(transfer_pipe& pipe);

    stream_record& from_;
    stream_record& to_;
    const std::uint64_t most_;
    transfer_progress& done_;
    transfer_ahead* ahead_;  // null once it was sent
    streams_in_use use_;
    std::int32_t send_failure_ = 0;  // of send(), which tells how much was sent all the same
    std::uint64_t in_pipe_ = 0;
};

// --- What goes ahead -----------------------------------------------------------------------------------------

/// Nothing, if it was sent already. With `more_follows` it may be held back until the send that follows.
task<result<step>> moving::send_ahead(bool more_follows) {
    if (ahead_ == nullptr) co_return step::go_on;
    transfer_ahead& ahead = *std::exchange(ahead_, nullptr);
    const std::size_t sent = co_await send(ahead.slices, more_follows);
    static_cast<void>(sent);  // does not count
    ahead.memory.reset();
    if (send_failure_ != 0) co_return failed(transfer_side::to, decode(send_failure_));
    co_return step::go_on;
}

// --- Copying -------------------------------------------------------------------------------------------------

task<result<step>> moving::by_copying() {
    const auto begun = co_await send_ahead(!from_.input.received.empty());
    if (!begun) co_return begun;
    while (left() != 0) {
        const auto r = co_await copy_piece();
        if (!r || *r == step::done) co_return r;
    }
    co_return step::done;
}

task<result<step>> moving::copy_piece() {
    auto piece = co_await receive_awaiter(from_, use_.reader());
    if (!piece) co_return failed(transfer_side::from, piece.error());
    if (piece->empty()) co_return step::done;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece->size(), left()));
    const io_slice slice(piece->bytes().first(size));
    const std::size_t sent = co_await send({&slice, 1});
    done_.taken += sent;
    done_.delivered += sent;
    piece->consume(sent);
    from_.unread(std::move(*piece));
    if (send_failure_ != 0) co_return failed(transfer_side::to, decode(send_failure_));
    co_return step::go_on;
}

task<std::size_t> moving::send(std::span<const io_slice> slices, bool more_follows) {
    if (to_.input.kind == op_kind::receive) return send_by<send_op>(slices, more_follows);
    return send_by<write_op>(slices, more_follows);
}

template <class Op>
task<std::size_t> moving::send_by(std::span<const io_slice> slices, bool more_follows) {
    awaited<Op> op(to_.input.source, slices.data(), static_cast<std::uint32_t>(slices.size()));
    op.more_follows = more_follows;
    const std::int32_t r = co_await op;
    if (r < 0) send_failure_ = r;
    co_return op.transferred;
}

// --- Splicing ------------------------------------------------------------------------------------------------

task<result<step>> moving::by_splicing() {
    // No receive may be under way beside a splice; what it has brought by its end comes first.
    while (from_.armed() || from_.input.ready) {
        input_stopped stopped(from_);
        co_await stopped;
    }
    if (from_.has_something()) {
        const auto begun = co_await send_ahead(!from_.input.received.empty());
        if (!begun) co_return begun;
    }
    while (left() != 0 && from_.has_something()) {
        const auto r = co_await copy_piece();
        if (!r || *r == step::done) co_return r;
    }
    if (!worth_splicing()) co_return step::go_on;
    transfer_pipe* const pipe = co_await open_pipe();
    if (pipe == nullptr) co_return step::go_on;
    from_.input.credit.one_at_a_time = true;  // the next body may be as large, and what is received of it is copied
    const auto r = co_await splice_through(*pipe);
    from_.home.core().pipes.give_back(from_.home, *pipe, in_pipe_ == 0);
    co_return r;
}

task<transfer_pipe*> moving::open_pipe() {
    pipe_pool& pool = from_.home.core().pipes;
    if (transfer_pipe* const idle = pool.take()) co_return idle;
    if (!pool.reserve()) co_return nullptr;
    const bool large = pipe_pool::reserve_large();
    awaited<pipe_op, cancellable::no> op(large ? pipe_pool::large_capacity : 0);
    if (co_await op < 0) {  // no descriptors, most likely; copying needs none
        pool.unreserve();
        if (large) pipe_pool::unreserve_large();
        co_return nullptr;
    }
    co_return pool.add(op.read_end, op.write_end, large);
}

task<result<step>> moving::splice_through(transfer_pipe& pipe) {
    while (left() != 0) {
        const bool first = ahead_ != nullptr;
        const std::int32_t filled = co_await fill(pipe, first);
        if (first) {
            const auto begun = co_await send_ahead(filled > 0);
            if (!begun) co_return begun;
            if (filled == -EAGAIN) continue;
        }
        if (filled == 0) {
            from_.ended = true;
            co_return step::done;
        }
        if (cannot_splice(filled)) {
            from_.splices = false;
            co_return step::go_on;
        }
        if (filled < 0) co_return failed(transfer_side::from, decode(filled));

        std::int32_t drained = co_await drain(pipe);
        if (cannot_splice(drained)) {
            to_.splices = false;
            drained = co_await drain_by_copying(pipe);
            if (drained == 0) co_return step::go_on;
        }
        if (drained < 0) co_return failed(transfer_side::to, decode(drained));
    }
    co_return step::done;
}

/// \return how much is in the pipe now, 0 at the end of the source, or an error: with `only_pending` also -EAGAIN.
task<std::int32_t> moving::fill(transfer_pipe& pipe, bool only_pending) {
    const auto most = static_cast<std::uint32_t>(std::min(left(), most_per_splice));
    awaited<splice_op> op(from_.input.source, pipe.write_end, most, true);
    op.only_pending = only_pending;
    const std::int32_t r = co_await op;
    if (r > 0) {
        in_pipe_ = static_cast<std::uint64_t>(r);
        done_.taken += in_pipe_;
    } else if (r < 0 && r != -ECANCELED && r != -EAGAIN && !is_refusal(r) && !cannot_splice(r)) {
        from_.ended = true;  // the kernel tells an error once; a later receive() is to hear of it, too
        from_.failure = r;
    }
    co_return r;
}

task<std::int32_t> moving::drain(transfer_pipe& pipe) {
    while (in_pipe_ != 0) {
        awaited<splice_op> op(pipe.read_end, to_.input.source, static_cast<std::uint32_t>(in_pipe_), false);
        const std::int32_t r = co_await op;
        if (r <= 0) co_return r == 0 ? -EIO : r;
        in_pipe_ -= static_cast<std::uint64_t>(r);
        done_.delivered += static_cast<std::uint64_t>(r);
    }
    co_return 0;
}

// The target refuses splice(2) (a terminal does, and a file opened for appending) when bytes are in the pipe already.
task<std::int32_t> moving::drain_by_copying(transfer_pipe& pipe) {
    while (in_pipe_ != 0) {
        awaited<read_op> op(pipe.read_end);
        const std::int32_t r = co_await op;
        if (r <= 0) co_return r == 0 ? -EIO : r;
        const lease piece = from_.home.buffers().dequeue(op.received);
        const io_slice slice(piece.bytes());
        const std::size_t sent = co_await send({&slice, 1});
        done_.delivered += sent;
        if (sent == piece.size()) in_pipe_ -= sent;
        if (send_failure_ != 0) co_return send_failure_;
    }
    co_return 0;
}

}  // namespace

task<result<std::uint64_t>> transfer_records(stream_record* from, stream_record* to, std::uint64_t most,
                                             transfer_progress* progress, transfer_ahead* ahead) {
    transfer_progress unseen;
    transfer_progress& done = progress == nullptr ? unseen : *progress;
    done = {};
    const auto refuse = [&](transfer_side side, std::errc why) {
        done.failed = side;
        return fail(why);
    };
    if (from == nullptr) co_return refuse(transfer_side::from, std::errc::bad_file_descriptor);
    if (to == nullptr) co_return refuse(transfer_side::to, std::errc::bad_file_descriptor);
    const auto busy = std::errc::device_or_resource_busy;
    if (from->reader != nullptr || from->waiter != nullptr) co_return refuse(transfer_side::from, busy);
    if (to->writer != nullptr) co_return refuse(transfer_side::to, busy);

    moving work(*from, *to, most, done, co_await this_cancellation{}, ahead);
    co_await run_under{&work.cancellation()};
    result<step> r = step::go_on;
    if (work.worth_splicing()) r = co_await work.by_splicing();
    if (r && *r == step::go_on) r = co_await work.by_copying();
    if (!r) co_return std::unexpected(r.error());
    co_return done.delivered;
}

}  // namespace penstock::detail

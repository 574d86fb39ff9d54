// transfer: bytes from one stream to another, by splice(2) where that pays.
#pragma once

#include <penstock/adopt.hpp>
#include <penstock/byte_stream.hpp>
#include <penstock/detail/stream_record.hpp>
#include <penstock/task.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace penstock {

/// For transfer(): until the source ends.
inline constexpr std::uint64_t transfer_everything = std::numeric_limits<std::uint64_t>::max();

/// Transfers that are known to be smaller than this many bytes are copied: they fit into a buffer of the pool, and two
/// system calls cost more than the copy. Measured in docs/decisions/0031.
inline constexpr std::uint64_t transfer_splice_threshold = std::uint64_t{8} * 1024;

/// Which stream an error came from.
enum class transfer_side : std::uint8_t { none, from, to };

/// How far a transfer came; of interest when it failed.
struct transfer_progress {
    std::uint64_t taken = 0;      ///< bytes that left the source
    std::uint64_t delivered = 0;  ///< bytes that the target took
    transfer_side failed = transfer_side::none;
};

/// What transfer() sends before the bytes that it moves, such as the head of a message whose body they are.
struct transfer_ahead {
    std::span<const io_slice> slices;
    lease memory;  ///< what the slices name may be in here, and is given back as soon as it was sent
};

/// A stream with a record of the loop's: net::stream, adopted.
template <class S>
concept recorded_stream = byte_stream<S> && requires(const S& s) {
    { s.record() } -> std::same_as<detail::stream_record*>;
};

/// A stream that takes back what is left of a lease, so that a limit can fall into the middle of one.
template <class S>
concept unreadable_stream = byte_stream<S> && requires(S& s, lease rest) { s.unread(std::move(rest)); };

namespace detail {

task<result<std::uint64_t>> transfer_records(stream_record* from, stream_record* to, std::uint64_t most,
                                             transfer_progress* progress, transfer_ahead* ahead);

template <class From, class To>
task<result<std::uint64_t>> transfer_by_copying(From& from, To& to, std::uint64_t most, transfer_progress* progress) {
    transfer_progress unseen;
    transfer_progress& done = progress == nullptr ? unseen : *progress;
    done = {};
    while (done.taken < most) {
        auto piece = co_await from.receive();
        if (!piece) {
            done.failed = transfer_side::from;
            co_return std::unexpected(piece.error());
        }
        if (piece->empty()) break;
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece->size(), most - done.taken));
        const io_slice slice(piece->bytes().first(size));
        const result<void> sent = co_await to.send(std::span<const io_slice>(&slice, 1));
        done.taken += size;
        piece->consume(size);
        if constexpr (unreadable_stream<From>) {
            if (!piece->empty()) from.unread(std::move(*piece));
        }
        if (!sent) {
            done.failed = transfer_side::to;
            co_return std::unexpected(sent.error());
        }
        done.delivered += size;
    }
    co_return done.delivered;
}

}  // namespace detail

/// Moves bytes from `from` to `to`: up to `most`, or until `from` ends, whose end it does not pass on (call
/// `to.shutdown_send()`). What is beyond `most` stays with `from`. Neither stream may be used otherwise meanwhile in
/// the direction concerned (a receive from `from`, a send to `to` and another transfer are answered
/// device_or_resource_busy, or are so here); the other directions are free, so two transfers make a tunnel. Both must
/// stay until the await ends; either may be closed by another task, which ends the transfer with operation_canceled.
///
/// Sockets and pipes of the library's own are spliced through a pipe, if `most` is at least transfer_splice_threshold;
/// all else is copied, and so is everything where the backend or the kernel can't splice, and when all pipes of the
/// loop are in use (loop_options::transfer_pipes).
///
/// \param progress may be null; must stay until the await ends. How much left `from` and how much reached `to`: the
/// same, unless the transfer ended by an error of `to`, by cancellation or by a close while bytes were in the pipe.
/// Those are lost; then the streams are out of step and should be closed. While it copies, nothing is ever lost:
/// what was not sent is in `from` again.
/// \param ahead may be null; must stay until the await ends, as must what it names. It is sent first, in one packet
/// with the first bytes where they are there by then; it does not count. If it can't be sent, `to` has failed.
/// \return how many bytes were moved; less than `most` only at the end of `from`. Errors: of receive(), of send(),
/// operation_canceled; `progress->failed` says whose.
template <recorded_stream From, recorded_stream To>
task<result<std::uint64_t>> transfer(From& from, To& to, std::uint64_t most = transfer_everything,
                                     transfer_progress* progress = nullptr, transfer_ahead* ahead = nullptr) {
    return detail::transfer_records(from.record(), to.record(), most, progress, ahead);
}

/// The same for any two byte streams, by copying.
template <unreadable_stream From, byte_stream To>
    requires(!recorded_stream<From> || !recorded_stream<To>)
task<result<std::uint64_t>> transfer(From& from, To& to, std::uint64_t most = transfer_everything,
                                     transfer_progress* progress = nullptr) {
    return detail::transfer_by_copying(from, to, most, progress);
}

/// The same for sources that take nothing back, so without a limit.
template <byte_stream From, byte_stream To>
    requires(!unreadable_stream<From>)
task<result<std::uint64_t>> transfer(From& from, To& to, transfer_progress* progress = nullptr) {
    return detail::transfer_by_copying(from, to, transfer_everything, progress);
}

/// Copies what is in the pipe `from` into the pipe `to`, where it also stays to be received or transferred: tee(2),
/// which copies no bytes but names the same pages twice. Waits until there is something and room for it. While it
/// waits, both are in use as by transfer(); a close of either ends it with operation_canceled. Cancelled, it has copied
/// nothing.
/// \return how many bytes, at most `most`; 0 at the end of `from`. A next call begins with the same bytes again.
/// Errors: invalid_argument if they are not two different pipes, broken_pipe, bad_file_descriptor, operation_canceled;
/// device_or_resource_busy, also when `from` has bytes that a lease was put back of or that were read ahead, which come
/// before the pipe's.
task<result<std::size_t>> tee(adopted& from, adopted& to, std::size_t most);

}  // namespace penstock

// byte_stream: what everything above the transport stands on.
#pragma once

#include <penstock/buffer_pool.hpp>
#include <penstock/detail/await.hpp>
#include <penstock/result.hpp>
#include <penstock/timeout.hpp>

#include <concepts>
#include <span>

namespace penstock {

/// A bidirectional stream of bytes. A TCP or Unix stream is one, so is an adopted pipe; TLS will be one over another,
/// and each stream of an HTTP/2 connection.
///
/// - `receive()` yields the next bytes as a lease; an empty lease is the end.
/// - `send(slices)` sends every byte or fails.
/// - `shutdown_send()` ends our side; the other may go on.
/// - `close()` ends both, and releases what the stream holds.
template <class S>
concept byte_stream = requires(S& s, std::span<const io_slice> slices) {
    { detail::awaiter_of(s.receive()).await_resume() } -> std::same_as<result<lease>>;
    { detail::awaiter_of(s.send(slices)).await_resume() } -> std::same_as<result<void>>;
    { detail::awaiter_of(s.shutdown_send()).await_resume() } -> std::same_as<result<void>>;
    { detail::awaiter_of(s.close()).await_resume() } -> std::same_as<result<void>>;
};

}  // namespace penstock

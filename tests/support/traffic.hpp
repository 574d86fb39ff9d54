// What conformance cases say to each other over streams, and how they check it.
#pragma once

#include <penstock/penstock.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace penstock::testing {

using namespace std::chrono_literals;

/// Longer than anything takes that works; the watchdog is what ends a case that does not.
inline constexpr duration long_time = std::chrono::hours(1);

/// What a result must have for the case to go on; else an exception with the line, which fails the case.
template <class T>
T must(result<T> r, std::source_location where = std::source_location::current()) {
    if (!r) {
        throw std::runtime_error(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " +
                                 r.error().message());
    }
    if constexpr (!std::is_void_v<T>) return std::move(*r);
}

/// For EXPECT_TRUE: whether `r` is this very error.
template <class T, class Code>
::testing::AssertionResult is_error(const result<T>& r, Code expected) {
    if (r.has_value()) return ::testing::AssertionFailure() << "there is a value";
    if (r.error() == expected) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "the error is " << r.error().message();
}
template <class T>
::testing::AssertionResult is_cancelled(const result<T>& r) {
    return is_error(r, std::errc::operation_canceled);
}
/// Awaits what is to end with this very error.
template <class T>
task<> fails(task<result<T>> what, std::errc expected, std::source_location where = std::source_location::current()) {
    const auto r = co_await std::move(what);
    EXPECT_TRUE(is_error(r, expected)) << where.file_name() << ":" << where.line();
}
template <class T>
::testing::AssertionResult succeeds(const result<T>& r) {
    if (r.has_value()) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "the error is " << r.error().message();
}

/// Bytes that are unlike their neighbours and unlike those of another seed.
inline std::string pattern(std::size_t size, unsigned seed = 0) {
    std::string bytes(size, '\0');
    std::uint32_t state = seed * 2654435761U + 1;
    for (char& byte : bytes) {
        state = state * 1664525U + 1013904223U;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

/// The first difference, so that a failure does not print megabytes.
inline ::testing::AssertionResult same_bytes(std::string_view got, std::string_view expected) {
    if (got == expected) return ::testing::AssertionSuccess();
    std::size_t at = 0;
    while (at < got.size() && at < expected.size() && got[at] == expected[at]) ++at;
    return ::testing::AssertionFailure() << got.size() << " bytes instead of " << expected.size()
                                         << ", different from byte " << at;
}

/// Lets the loop go round `n` times.
inline task<> turns(int n) {
    for (int i = 0; i < n; ++i) co_await yield();
}

template <class Condition>
task<> until(Condition holds) {
    while (!holds()) co_await yield();
}

template <byte_stream Stream>
task<result<lease>> receive_from(Stream& from) {
    co_return co_await from.receive();
}

template <byte_stream Stream>
task<result<void>> send_to(Stream& to, std::string text) {
    co_return co_await to.send(std::string_view(text));
}

inline task<result<net::stream>> accept_from(net::listener& from) { co_return co_await from.accept(); }

/// Exactly `size` bytes, for protocols where nothing follows them.
template <byte_stream Stream>
task<std::string> receive_exactly(Stream& from, std::size_t size) {
    std::string all;
    while (all.size() < size) {
        const lease piece = must(co_await from.receive());
        if (piece.empty()) throw std::runtime_error("the stream ended after " + std::to_string(all.size()) + " bytes");
        all += piece.text();
    }
    if (all.size() > size) throw std::runtime_error("more came than was sent");
    co_return all;
}

template <byte_stream Stream>
task<std::string> receive_to_end(Stream& from) {
    std::string all;
    for (;;) {
        const lease piece = must(co_await from.receive());
        if (piece.empty()) co_return all;
        all += piece.text();
    }
}

/// Sends back what comes until the end, then ends too.
inline task<> echo(net::stream s) {
    for (;;) {
        const lease piece = must(co_await s.receive());
        if (piece.empty()) break;
        must(co_await s.send(piece.bytes()));
    }
    must(co_await s.close());
}

struct stream_pair {
    net::stream near;
    net::stream far;
};

/// Two connected streams: over TCP, or over whatever `at` names.
inline task<stream_pair> connected(endpoint at = endpoint::loopback(0)) {
    auto door = must(co_await net::listen(at, {.backlog = 4}));
    const endpoint where = must(co_await door.local_endpoint());
    auto near = must(co_await net::connect(where));
    auto far = must(co_await door.accept());
    must(co_await door.close());
    co_return stream_pair{std::move(near), std::move(far)};
}

/// Turns an exception of a task that nobody awaits into a failure of the case.
inline task<> guarded(task<> work) {
    try {
        co_await std::move(work);
    } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
    }
}
inline void spawn(scope& in, task<> work) { in.spawn(guarded(std::move(work))); }

template <class T>
task<> keep(task<T> work, std::optional<T>& in) {
    in.emplace(co_await std::move(work));
}

/// Awaits `work` and has it cancelled `after` turns of the loop: 0 before it has started, else while it waits, or
/// after its end if it was quicker.
template <class T>
task<T> cancelled_after(int after, task<T> work) {
    std::optional<T> outcome;
    co_await with_scope([&](scope& s) -> task<> {
        if (after == 0) s.cancel();
        spawn(s, keep(std::move(work), outcome));
        co_await turns(after);
        s.cancel();
        co_await s.join();
    });
    if (!outcome) throw std::runtime_error("the task ended with an exception");
    co_return std::move(*outcome);
}

/// The points in time at which cancelling is tried.
inline constexpr int moments[] = {0, 1, 2, 3, 7};

}  // namespace penstock::testing

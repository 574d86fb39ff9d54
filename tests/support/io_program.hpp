// A program that does a little of everything, for tests in which the kernel refuses something: it must not notice.
#pragma once

#include <penstock/penstock.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

namespace penstock::testing {

inline int failures = 0;

inline void expect(bool holds, const std::string& what) {
    if (holds) return;
    ++failures;
    std::printf("FAIL  %s\n", what.c_str());
}

template <class T>
bool expect_result(const result<T>& r, const std::string& what) {
    expect(r.has_value(), what + (r ? "" : ": " + r.error().message()));
    return r.has_value();
}

inline constexpr std::size_t amount = 300'000;  // more than a socket or a pipe takes at once

inline std::vector<std::byte> some_bytes(unsigned seed) {
    std::vector<std::byte> bytes(amount);
    for (std::byte& b : bytes) b = static_cast<std::byte>((seed = seed * 1664525 + 1013904223) >> 24);
    return bytes;
}

inline task<net::after> answer(net::stream& peer) {
    do {
        const auto received = co_await peer.receive();
        if (!received || received->empty()) co_return net::after::close;
        if (!co_await peer.send(received->bytes())) co_return net::after::close;
    } while (peer.has_input());
    co_return net::after::idle;
}

template <byte_stream From>
task<> expect_bytes(From& from, const std::vector<std::byte>& expected, std::string what) {
    std::vector<std::byte> got;
    while (got.size() < expected.size()) {
        const auto received = co_await from.receive();
        if (!expect_result(received, what) || received->empty()) break;
        got.insert(got.end(), received->bytes().begin(), received->bytes().end());
    }
    expect(got == expected, what + ": the bytes");
}

/// Vectored, so that both forms of sending are used: the whole, then what is left of it.
template <byte_stream To>
task<> send_halves(To& to, const std::vector<std::byte>& bytes, std::string what) {
    const std::span<const std::byte> all(bytes);
    const std::array<io_slice, 2> halves{io_slice(all.first(amount / 2)), io_slice(all.subspan(amount / 2))};
    expect_result(co_await to.send(halves), what);
}

inline task<> client(endpoint at, unsigned seed) {
    auto peer = co_await net::connect(at);
    if (!expect_result(peer, "connect")) co_return;
    const auto bytes = some_bytes(seed);
    co_await when_all(send_halves(*peer, bytes, "send"), expect_bytes(*peer, bytes, "receive"));
    expect_result(co_await peer->close(), "close");
}

inline task<> echo() {
    auto listening = co_await net::listen(endpoint::loopback(0));
    if (!expect_result(listening, "listen")) co_return;
    const auto at = co_await listening->local_endpoint();
    if (!expect_result(at, "name")) co_return;
    std::vector<task<void>> clients;
    for (unsigned i = 0; i < 8; ++i) clients.push_back(client(*at, i));
    co_await when_any(net::serve(*listening, {}, answer), when_all(std::move(clients)));
}

inline task<> pipes() {
    auto ends = co_await make_pipe();
    if (!expect_result(ends, "pipe")) co_return;
    const auto bytes = some_bytes(99);
    co_await when_all(send_halves(ends->second, bytes, "write"), expect_bytes(ends->first, bytes, "read"));
}

inline task<> files(std::string path) {
    auto file = co_await fs::open(path, {.write = true, .create = true, .truncate = true, .registered = true});
    if (!expect_result(file, "open")) co_return;
    const auto bytes = some_bytes(7);
    expect_result(co_await file->write_all_at(bytes, 0), "write_at");
    expect_result(co_await file->sync(), "sync");
    const auto status = co_await file->status();
    expect(status && status->size == amount, "status: the size");
    std::vector<std::byte> back(amount);
    const std::span<std::byte> all(back);
    const std::array<io_slice, 2> halves{io_slice(all.data(), amount / 2),
                                         io_slice(all.data() + amount / 2, amount - amount / 2)};
    const auto count = co_await file->read_at(halves, 0);
    expect(count && *count == amount && back == bytes, "read_at, vectored: the bytes");
    const auto arena = fs::buffer_arena::create({.buffer_size = amount, .count = 1});
    if (expect_result(arena, "an arena")) {
        const std::span<std::byte> buffer = (*arena)[0];
        const auto in_arena = co_await file->read_at(buffer, 0);
        expect(in_arena && *in_arena == amount && std::equal(buffer.begin(), buffer.end(), bytes.begin()),
               "read_at, into an arena: the bytes");
        const auto out = co_await file->write_at(buffer, amount);
        expect(out && *out == amount, "write_at, from an arena");
    }
    expect_result(co_await file->close(), "close of a file");
}

inline task<> kept(std::string path) {
    chain c;
    const chain_step file = c.open(path, {.write = true, .create = true});
    const chain_step mine = c.keep(file);
    c.close(file);
    const chain_outcome outcome = co_await c.run();
    expect(outcome.complete(), "a chain that keeps what it opens");
    owned_handle taken = c.take(mine);
    expect(taken.open(), "keep: a handle");
    expect_result(co_await taken.close(), "close of what was kept");
    expect_result(co_await fs::remove_file(path), "unlink of what was kept");
}

inline task<> lengths(std::string path) {
    auto file = co_await fs::open(path, {.write = true, .create = true, .truncate = true});
    if (!expect_result(file, "open of another file")) co_return;
    expect_result(co_await file->truncate(10), "truncate");
    expect_result(co_await file->allocate(0, 20), "allocate");
    expect_result(co_await file->sync_range(0, 0), "sync_range");
    expect_result(co_await file->advise(0, 0, fs::file_advice::will_need), "advise");
    expect_result(co_await fs::advise_memory({}, fs::memory_advice::normal), "advise_memory");
    const auto longer = co_await file->status();
    expect(longer && longer->size == 20, "allocate: the size");
    expect_result(co_await file->close(), "close of another file");
    expect_result(co_await fs::remove_file(path), "unlink of another file");
}

inline task<> names(std::string folder) {
    expect_result(co_await fs::make_directory(folder), "make_directory");
    auto in = co_await fs::open_directory(folder);
    if (!expect_result(in, "open of a directory")) co_return;
    expect_result(co_await fs::make_symlink("text", *in / "one"), "symlink");
    expect_result(co_await fs::make_link(*in / "one", *in / "two"), "link");
    expect_result(co_await fs::rename(*in / "two", *in / "three"), "rename");
    expect_result(co_await fs::remove_file(*in / "one"), "unlink");
    expect_result(co_await fs::remove_file(*in / "three"), "unlink of the new name");
    expect_result(co_await fs::remove_directory(folder), "unlink of a directory");
}

inline task<> sleep_on(const std::atomic<std::uint32_t>& word) {
    expect_result(co_await futex_wait(word, 0), "futex_wait");
}

inline task<> wake_one(const std::atomic<std::uint32_t>& word) {
    for (bool woken = false; !woken; co_await yield()) {
        const auto r = co_await futex_wake(word);
        if (!expect_result(r, "futex_wake")) co_return;
        woken = *r == 1;
    }
}

inline task<> words() {
    const std::atomic<std::uint32_t> word{0};
    co_await when_all(sleep_on(word), wake_one(word));
}

inline task<> messages() {
    expect_result(co_await send_to_loop(current_loop->address(), {.value = 42}), "loop_message");
    const auto back = co_await receive_from_loops();
    expect(back && back->value == 42, "loop_message: what came");
}

inline task<> twice() {
    auto from = co_await make_pipe();
    auto to = co_await make_pipe();
    if (!expect_result(from, "pipe to copy") || !expect_result(to, "pipe for the copy")) co_return;
    expect_result(co_await from->second.send(std::string_view("x")), "write of what is copied");
    expect_result(co_await tee(from->first, to->second, 1), "tee");
    const auto copy = co_await to->first.receive();
    expect(copy && copy->text() == "x", "tee: the bytes");
}

inline task<> datagrams() {
    auto at = co_await net::bind_datagram(endpoint::loopback(0));
    if (!expect_result(at, "a datagram socket")) co_return;
    const auto where = co_await at->local_endpoint();
    if (!expect_result(where, "its name")) co_return;
    const auto bytes = some_bytes(5);
    std::vector<std::byte> back(amount);
    expect_result(co_await at->send_segments(std::span(bytes).first(2500), 1000, *where), "send_message");
    for (const std::size_t size : {1000, 1000, 500}) {
        const auto came = co_await at->receive(back);
        expect(came && came->size == size, "receive_message: the size");
    }
    expect_result(co_await at->close(), "close of a datagram socket");
}

/// Itself goes through itself.
inline task<> descriptors(std::string path) {
    const auto where = endpoint::parse("unix:" + path);
    auto at = co_await net::bind_datagram(*where);
    if (!expect_result(at, "a Unix datagram socket")) co_return;
    expect_result(co_await at->connect(*where), "connect to itself");
    std::vector<std::byte> memory(10);
    const handle own = at->name();
    expect_result(co_await at->send_with({&own, 1}, memory), "send_message with a descriptor");
    const auto came = co_await at->receive_with(memory, 1);
    expect(came && came->descriptors.size() == 1, "receive_message: the descriptor");
    expect_result(co_await at->close(), "close of a Unix datagram socket");
    expect_result(co_await fs::remove_file(path), "unlink of its path");
}

inline task<> sequences() {
    auto clock = every(std::chrono::microseconds(100));
    expect_result(co_await clock.next(), "tick");
    auto ends = co_await make_pipe();
    if (!expect_result(ends, "pipe to read ahead from")) co_return;
    ends->first.set_reading_ahead(true);
    const auto bytes = some_bytes(5);
    co_await when_all(send_halves(ends->second, bytes, "write"), expect_bytes(ends->first, bytes, "reading ahead"));
}

inline task<> program(std::string path) {
    co_await when_all(words(), messages(), twice(), sequences(), kept(path + ".kept"));
    co_await when_all(echo(), pipes(), files(path), lengths(path + ".lengths"), names(path + ".names"));
    co_await when_all(datagrams(), descriptors(path + ".socket"));
    expect_result(co_await sleep_for(duration{0}), "sleep");
}

}  // namespace penstock::testing

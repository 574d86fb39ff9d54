// One opcode of io_uring denied, each in turn, by the kernel's own restrictions on a ring: only the operation that
// needs it degrades, and a program does not notice. Exit status 77: no io_uring here.
#include <penstock/penstock.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace penstock;

namespace {

constexpr int skipped = 77;
int failures = 0;

void expect(bool holds, const std::string& what) {
    if (holds) return;
    ++failures;
    std::printf("FAIL  %s\n", what.c_str());
}

template <class T>
bool expect_result(const result<T>& r, const std::string& what) {
    expect(r.has_value(), what + (r ? "" : ": " + r.error().message()));
    return r.has_value();
}

/// What becomes of an operation without its opcode. Those that are not listed need none.
const std::map<op_kind, support> degraded = {
    {op_kind::accept, support::emulated},    {op_kind::connect, support::emulated},
    {op_kind::receive, support::emulated},   {op_kind::send, support::emulated},
    {op_kind::read, support::emulated},      {op_kind::write, support::emulated},
    {op_kind::open, support::offloaded},     {op_kind::read_at, support::offloaded},
    {op_kind::write_at, support::offloaded}, {op_kind::sync, support::offloaded},
    {op_kind::status, support::offloaded},
};

/// IORING_OP_READ and IORING_OP_WRITE serve an operation with an offset and one without.
op_kind shares_opcode_with(op_kind kind) {
    switch (kind) {
        case op_kind::read: return op_kind::read_at;
        case op_kind::read_at: return op_kind::read;
        case op_kind::write: return op_kind::write_at;
        case op_kind::write_at: return op_kind::write;
        default: return kind;
    }
}

// --- A program ------------------------------------------------------------------------------------------------------

constexpr std::size_t amount = 300'000;  // more than a socket or a pipe takes at once

std::vector<std::byte> some_bytes(unsigned seed) {
    std::vector<std::byte> bytes(amount);
    for (std::byte& b : bytes) b = static_cast<std::byte>((seed = seed * 1664525 + 1013904223) >> 24);
    return bytes;
}

task<net::after> answer(net::stream& peer) {
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

task<> client(endpoint at, unsigned seed) {
    auto peer = co_await net::connect(at);
    if (!expect_result(peer, "connect")) co_return;
    const auto bytes = some_bytes(seed);
    co_await when_all(send_halves(*peer, bytes, "send"), expect_bytes(*peer, bytes, "receive"));
    expect_result(co_await peer->close(), "close");
}

task<> echo() {
    auto listening = co_await net::listen(endpoint::loopback(0));
    if (!expect_result(listening, "listen")) co_return;
    const auto at = co_await listening->local_endpoint();
    if (!expect_result(at, "name")) co_return;
    std::vector<task<void>> clients;
    for (unsigned i = 0; i < 8; ++i) clients.push_back(client(*at, i));
    co_await when_any(net::serve(*listening, {}, answer), when_all(std::move(clients)));
}

task<> pipes() {
    auto ends = co_await make_pipe();
    if (!expect_result(ends, "pipe")) co_return;
    const auto bytes = some_bytes(99);
    co_await when_all(send_halves(ends->second, bytes, "write"), expect_bytes(ends->first, bytes, "read"));
}

task<> files(std::string path) {
    auto file = co_await fs::open(path, {.write = true, .create = true, .truncate = true});
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
    expect_result(co_await file->close(), "close of a file");
}

task<> program(std::string path) {
    co_await when_all(echo(), pipes(), files(std::move(path)));
    expect_result(co_await sleep_for(duration{0}), "sleep");
}

// --- The table of capabilities ------------------------------------------------------------------------------------

void expect_only_degraded(op_kind denied, const capability_table& whole, const capability_table& found) {
    const std::string name(to_string(denied));
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        const auto kind = static_cast<op_kind>(i);
        if (kind == shares_opcode_with(denied) && kind != denied) continue;  // may go with it
        const auto expected = kind == denied && degraded.contains(kind) ? degraded.at(kind) : whole[kind].support;
        expect(found[kind].support == expected, name + " denied: " + std::string(to_string(kind)) + " is " +
                                                    std::string(to_string(found[kind].support)) + " instead of " +
                                                    std::string(to_string(expected)));
    }
    expect(!degraded.contains(denied) || !found[denied].why.empty(), name + " denied: the table does not say why");
}

std::expected<std::unique_ptr<loop>, setup_error> make_loop(std::vector<op_kind> denied) {
    loop_options options{.backend = "io_uring"};
    options.bounds.denied = std::move(denied);
    return loop::create(options);
}

void run_without(op_kind denied, const capability_table& whole, const std::string& path) {
    const int before = failures;
    const std::string name(to_string(denied));
    auto made = make_loop({denied});
    if (!made) return expect(false, name + " denied: " + made.error().message);
    const capability& found = (*made)->explain().capabilities[denied];
    expect_only_degraded(denied, whole, (*made)->explain().capabilities);
    (*made)->run(program(path));
    std::printf("%s  %s denied: %s%s%s\n", failures == before ? "ok  " : "FAIL", name.c_str(),
                to_string(found.support).data(), found.why.empty() ? "" : ", ", found.why.data());
    std::fflush(stdout);
}

}  // namespace

int main() {
    ::alarm(60);  // a program that does not end is one that has failed
    char folder[] = "/tmp/denied_opcode.XXXXXX";
    if (::mkdtemp(folder) == nullptr) return 1;
    const std::string path = std::string(folder) + "/file";

    auto whole = make_loop({});
    if (!whole) {
        std::printf("skipped: %s\n", whole.error().message.c_str());
        ::rmdir(folder);
        return skipped;
    }
    const capability_table table = (*whole)->explain().capabilities;
    (*whole)->run(program(path));
    for (std::size_t i = 0; i < op_kind_count; ++i) run_without(static_cast<op_kind>(i), table, path);
    ::unlink(path.c_str());
    ::rmdir(folder);
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}

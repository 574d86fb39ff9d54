// One opcode of io_uring denied, each in turn, by the kernel's own restrictions on a ring: only the operation that
// needs it degrades, and a program does not notice. Exit status 77: no io_uring here.
#include "support/io_program.hpp"
#include <penstock/penstock.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace penstock;
using namespace penstock::testing;

namespace {

constexpr int skipped = 77;

/// What becomes of an operation without its opcode. Those that are not listed need none.
const std::map<op_kind, support> degraded = {
    {op_kind::accept, support::emulated},       {op_kind::connect, support::emulated},
    {op_kind::receive, support::emulated},      {op_kind::send, support::emulated},
    {op_kind::read, support::emulated},         {op_kind::write, support::emulated},
    {op_kind::open, support::offloaded},        {op_kind::read_at, support::offloaded},
    {op_kind::write_at, support::offloaded},    {op_kind::sync, support::offloaded},
    {op_kind::status, support::offloaded},      {op_kind::truncate, support::offloaded},
    {op_kind::allocate, support::offloaded},    {op_kind::sync_range, support::offloaded},
    {op_kind::advise, support::offloaded},      {op_kind::advise_memory, support::offloaded},
    {op_kind::rename, support::offloaded},      {op_kind::unlink, support::offloaded},
    {op_kind::symlink, support::offloaded},     {op_kind::make_directory, support::offloaded},
    {op_kind::link, support::offloaded},        {op_kind::futex_wait, support::offloaded},
    {op_kind::send_message, support::emulated}, {op_kind::receive_message, support::emulated},
    {op_kind::tick, support::emulated},
};

/// IORING_OP_READ and IORING_OP_WRITE serve an operation with an offset and one without, IORING_OP_SENDMSG also a send
/// of several slices.
op_kind shares_opcode_with(op_kind kind) {
    switch (kind) {
        case op_kind::read: return op_kind::read_at;
        case op_kind::read_at: return op_kind::read;
        case op_kind::write: return op_kind::write_at;
        case op_kind::write_at: return op_kind::write;
        case op_kind::send_message: return op_kind::send;
        default: return kind;
    }
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

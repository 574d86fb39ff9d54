// cat [FILE...] [--backend NAME]: writes files, or standard input (also as `-`), to standard output.
//
// Standard input may be a pipe, a terminal, a file or /dev/null: adopt() makes a stream of any of them.
#include "command_line.hpp"
#include <penstock/penstock.hpp>

#include <cstdint>

using namespace penstock;

// A stream has a position, and yields what comes next. A file is read at an offset, which we keep.
template <byte_stream Stream>
task<result<void>> pour(Stream& from, adopted& to) {
    for (;;) {
        const auto received = co_await from.receive();
        if (!received) co_return fail(received.error());
        if (received->empty()) co_return result<void>{};
        if (auto sent = co_await to.send(received->bytes()); !sent) co_return sent;
    }
}
task<result<void>> pour(fs::file& from, adopted& to) {
    std::vector<std::byte> buffer(128 * 1024);
    for (std::uint64_t offset = 0;;) {
        const auto count = co_await from.read_at(buffer, offset);
        if (!count) co_return fail(count.error());
        if (*count == 0) co_return result<void>{};
        if (auto sent = co_await to.send(std::span(buffer).first(*count)); !sent) co_return sent;
        offset += *count;
    }
}

task<result<void>> pour(std::string name, adopted& to) {
    if (name == "-") {
        auto input = co_await adopt(0, ownership::borrow);  // borrowed: it is not closed
        if (input) co_return co_await pour(*input, to);
        co_return fail(input.error());
    }
    auto file = co_await fs::open(name);
    if (file) co_return co_await pour(*file, to);
    co_return fail(file.error());
}

task<int> cat(std::vector<std::string> names) {
    auto output = co_await adopt(1, ownership::borrow);
    if (!output) co_return example::complain("standard output: " + output.error().message());
    int status = 0;
    for (const std::string& name : names) {
        const auto done = co_await pour(name, *output);
        if (!done) status = example::complain(name + ": " + done.error().message());
    }
    co_return status;
}

int main(int count, char** values) {
    example::command_line line(count, values, "cat [FILE...] [--backend NAME]", 0, SIZE_MAX);
    if (line.words.empty()) line.words.emplace_back("-");
    return example::make_loop(line)->run(cat(line.words));
}

// read-file FILE [direct] [--backend NAME]: reads a file with sixteen reads under way, and says who did the work.
//
// A regular file is always "ready", and yet reading it may sleep on the disk. So what tells of readiness only lets
// others do the work on files, and the backend's name may say who: epoll+threads, epoll+posix_aio, epoll+linux_aio.
// With `direct` the page cache is left out, which is what native AIO was made for.
#include "command_line.hpp"
#include <penstock/penstock.hpp>

#include <chrono>
#include <cstdint>

using namespace penstock;

constexpr std::size_t piece = 64 * 1024;
constexpr std::size_t block = 4096;  // what O_DIRECT wants address, length and offset to be multiples of

struct reading {
    fs::file from;
    std::uint64_t next = 0;  // where the next piece begins
    std::uint64_t bytes = 0;
    std::uint64_t sum = 0;  // of all bytes, which does not depend on their order
};

struct alignas(block) aligned_piece {
    std::byte bytes[piece];
};

// One of several readers: takes piece after piece, until one is cut short by the end of the file.
task<result<void>> read_pieces(reading& all) {
    const auto memory = std::make_unique<aligned_piece>();
    for (std::size_t count = piece; count == piece;) {
        const std::uint64_t at = std::exchange(all.next, all.next + piece);
        const auto read = co_await all.from.read_at(memory->bytes, at);
        if (!read) co_return fail(read.error());
        count = *read;
        all.bytes += count;
        for (std::size_t i = 0; i < count; ++i) all.sum += std::to_integer<std::uint64_t>(memory->bytes[i]);
    }
    co_return result<void>{};
}

task<int> read_file(std::string name, bool direct) {
    auto opened = co_await fs::open(name, {.direct = direct});
    if (!opened) co_return example::complain(name + ": " + opened.error().message());
    reading all{std::move(*opened)};
    const auto before = std::chrono::steady_clock::now();
    std::vector<task<result<void>>> readers;
    for (int i = 0; i < 16; ++i) readers.push_back(read_pieces(all));
    for (const auto& done : co_await when_all(std::move(readers))) {
        if (!done) co_return example::complain(name + ": " + done.error().message());
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - before;
    std::printf("%llu bytes, sum %llu, in %.2f ms\n", static_cast<unsigned long long>(all.bytes),
                static_cast<unsigned long long>(all.sum), took.count());
    co_return 0;
}

int main(int count, char** values) {
    const example::command_line line(count, values, "read-file FILE [direct] [--backend NAME]", 1, 2);
    const bool direct = line.words.size() == 2;
    if (direct && line.words[1] != "direct") return example::complain("'" + line.words[1] + "' is not 'direct'", 2);
    const auto loop = example::make_loop(line);
    const explanation how = loop->explain();
    const capability& reads = how.capabilities[op_kind::read_at];
    std::printf("%s: reads are %s; %s\n", how.chosen.c_str(), to_string(reads.support).data(), reads.why.data());
    return loop->run(read_file(line.words[0], direct));
}

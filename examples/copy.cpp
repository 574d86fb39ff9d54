// copy FROM TO [--backend NAME]: copies a file, with several reads and writes under way at once.
//
// No threads, no locks: the workers take turns on one thread, and change places only at co_await.
#include "command_line.hpp"
#include <penstock/penstock.hpp>

#include <filesystem>

using namespace penstock;

struct copying {
    fs::file from, to;
    std::uint64_t next = 0;  // where the next chunk begins
};

// One worker: takes the next chunk, copies it, and ends with the chunk that the end of the file cuts short.
task<result<void>> copy_chunks(copying& all) {
    std::vector<std::byte> chunk(256 * 1024);
    for (std::size_t filled = chunk.size(); filled == chunk.size();) {
        const std::uint64_t start = std::exchange(all.next, all.next + chunk.size());
        for (filled = 0; filled < chunk.size();) {  // a read may bring less than was asked for
            const auto count = co_await all.from.read_at(std::span(chunk).subspan(filled), start + filled);
            if (!count) co_return fail(count.error());
            if (*count == 0) break;  // the end of the file
            filled += *count;
        }
        const auto done = co_await all.to.write_all_at(std::span(chunk).first(filled), start);
        if (!done) co_return done;
    }
    co_return result<void>{};
}

task<int> copy(std::string from, std::string to) {
    const auto failed = [](auto name, auto why) { return example::complain(name + ": " + why.message()); };
    auto source = co_await fs::open(from);
    if (!source) co_return failed(from, source.error());
    const auto status = co_await source->status();
    if (!status) co_return failed(from, status.error());
    auto target =
        co_await fs::open(to, {.read = false, .write = true, .create = true, .truncate = true, .mode = status->mode});
    if (!target) co_return failed(to, target.error());

    copying all{std::move(*source), std::move(*target)};
    std::vector<task<result<void>>> workers;
    for (int i = 0; i < 8; ++i) workers.push_back(copy_chunks(all));
    auto outcomes = co_await when_all(std::move(workers));
    outcomes.push_back(co_await all.to.close());  // may tell of a write that failed late
    for (const auto& done : outcomes)
        if (!done) co_return failed(from + " to " + to, done.error());
    co_return 0;
}

int main(int count, char** values) {
    const example::command_line line(count, values, "copy FROM TO [--backend NAME]", 2, 2);
    std::error_code absent;  // TO need not exist yet
    const bool same = std::filesystem::equivalent(line.words[0], line.words[1], absent);
    if (same) return example::complain("FROM and TO are the same file");
    return example::make_loop(line)->run(copy(line.words[0], line.words[1]));
}

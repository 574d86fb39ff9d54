#include <penstock/penstock.hpp>

#include "contenders/files/file_contenders.hpp"
#include "machine/backends.hpp"

#include <algorithm>
#include <string>

namespace iobench {

namespace {

using penstock::task;
namespace fs = penstock::fs;

constexpr unsigned fewest_threads = 4;  // the default of loop_options
constexpr unsigned most_threads = 128;

std::int64_t as_number(const penstock::result<std::size_t>& moved) {
    return moved ? static_cast<std::int64_t>(*moved) : -moved.error().value();
}

/// One of as many as may be under way.
task<void> transfer(std::vector<fs::file>& files, file_worker& worker, file_request request, const file_job& job) {
    while (worker.next(request)) {
        fs::file& file = files[request.file];
        if (job.write) {
            const auto moved = co_await file.write_at(request.bytes, request.offset);
            if (job.sync) {
                const auto synced = co_await file.sync(true);
                if (!synced) give_up("fdatasync", synced.error().value());
            }
            worker.done(request, as_number(moved));
        } else {
            const auto moved = co_await file.read_at(request.bytes, request.offset);
            worker.done(request, as_number(moved));
        }
    }
}

/// Memory of which the mechanism is told once, as a program that reads past the page cache would take.
fs::buffer_arena arena_for(std::vector<file_request>& requests) {
    auto made = fs::buffer_arena::create({.buffer_size = requests.front().bytes.size(), .count = requests.size()});
    if (!made) give_up("memory", made.error().value());
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i].bytes = (*made)[i];
    return std::move(*made);
}

task<void> carry_out_all(file_work& work) {
    const file_job& job = work.job();
    std::vector<fs::file> files;
    for (const std::string& path : job.paths) {
        auto opened = co_await fs::open(path, {.write = job.write, .direct = job.direct, .registered = job.direct});
        if (!opened) give_up(path, opened.error().value());
        work.advise(opened->name().id);  // these backends call a file by its descriptor
        files.push_back(std::move(*opened));
    }
    auto requests = work.requests();
    const fs::buffer_arena arena = job.direct && !job.write ? arena_for(requests) : fs::buffer_arena();
    work.begin();
    file_worker worker(work);
    std::vector<task<void>> all;
    for (const file_request& one : requests) all.push_back(transfer(files, worker, one, job));
    co_await penstock::when_all(std::move(all));
}

void carry_out_on(const std::string& backend, file_work& work) {
    // A program that wants so many blocking reads at once asks for as many threads; fio has as many processes.
    const unsigned threads = std::clamp(work.job().depth, fewest_threads, most_threads);
    const auto engine = penstock::loop::create({.backend = backend, .worker_threads = threads});
    if (!engine) give_up(engine.error().message);
    (*engine)->run(carry_out_all(work));
}

/// Why the mechanism does not run here.
std::string missing(const std::string& backend) {
    for (const auto& one : surveyed_backends()) {
        if (one.name == backend) return one.works ? "" : one.why_not;
    }
    return "penstock was built without it";
}

}  // namespace

std::vector<file_contender> penstock_file_contenders() {
    std::vector<file_contender> all;
    for (const std::string backend :
         {"io_uring", "epoll+threads", "epoll+posix_aio", "epoll+linux_aio", "linux_aio", "threads"}) {
        const bool needs_aio = backend.ends_with("linux_aio");
        std::string why = missing(backend.substr(0, backend.find('+')));
        if (why.empty() && needs_aio) why = missing("linux_aio");
        all.push_back({{"penstock/" + backend, group::penstock, why},
                       [backend](file_work& work) { carry_out_on(backend, work); }});
    }
    return all;
}

}  // namespace iobench

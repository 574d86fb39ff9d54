// Blocking calls: in one thread, and in as many as requests may be under way.
#include "contenders/files/file_contenders.hpp"

#include <unistd.h>

#include <cerrno>
#include <latch>
#include <thread>
#include <vector>

namespace iobench {

namespace {

void transfer(file_work& work, const std::vector<int>& files, file_request request) {
    file_worker worker(work);
    const bool write = work.job().write;
    while (worker.next(request)) {
        const auto at = static_cast<::off_t>(request.offset);
        const int fd = files[request.file];
        const ::ssize_t n = write ? ::pwrite(fd, request.bytes.data(), request.bytes.size(), at)
                                  : ::pread(fd, request.bytes.data(), request.bytes.size(), at);
        if (work.job().sync && ::fdatasync(fd) != 0) give_up("fdatasync", errno);
        worker.done(request, n < 0 ? -errno : n);
    }
}

}  // namespace

void read_with_pread(file_work& work) {
    const auto files = work.open_files();
    const auto requests = work.requests();
    work.begin();
    transfer(work, files, requests.front());
}

void read_with_threads(file_work& work) {
    const auto files = work.open_files();
    std::latch start(1);
    std::vector<std::jthread> threads;
    for (const file_request& request : work.requests()) {
        threads.emplace_back([&, request] {
            start.wait();
            transfer(work, files, request);
        });
    }
    work.begin();
    start.count_down();
}

}  // namespace iobench

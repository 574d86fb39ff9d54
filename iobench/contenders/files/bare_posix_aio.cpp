// POSIX AIO: the C library's threads.
#include "contenders/files/file_contenders.hpp"

#include <aio.h>
#include <fcntl.h>

#include <cerrno>
#include <vector>

namespace iobench {

namespace {

struct block : ::aiocb {
    file_request request = {};
    bool syncing = false;
};

/// Its write has ended; it is not over before that is on the disk.
bool go_on_with_sync(block& one, bool wanted) {
    one.syncing = wanted && !one.syncing;
    if (one.syncing && ::aio_fsync(O_DSYNC, &one) != 0) give_up("aio_fsync", errno);
    return one.syncing;
}

bool start(block& one, file_worker& worker, const std::vector<int>& files, bool write) {
    if (!worker.next(one.request)) return false;
    static_cast<::aiocb&>(one) = ::aiocb{};
    one.aio_fildes = files[one.request.file];
    one.aio_buf = one.request.bytes.data();
    one.aio_nbytes = one.request.bytes.size();
    one.aio_offset = static_cast<::off_t>(one.request.offset);
    one.aio_sigevent.sigev_notify = SIGEV_NONE;
    if ((write ? ::aio_write(&one) : ::aio_read(&one)) != 0) give_up("aio_read", errno);
    return true;
}

}  // namespace

void read_with_posix_aio(file_work& work) {
    const auto files = work.open_files();
    const bool write = work.job().write;
    std::vector<block> blocks(work.job().depth);
    const auto requests = work.requests();
    for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i].request = requests[i];
    work.begin();
    file_worker worker(work);
    std::vector<const ::aiocb*> under_way;
    for (block& one : blocks) {
        if (start(one, worker, files, write)) under_way.push_back(&one);
    }
    while (!under_way.empty()) {
        ::aio_suspend(under_way.data(), static_cast<int>(under_way.size()), nullptr);
        for (std::size_t i = 0; i < under_way.size();) {
            auto& one = static_cast<block&>(const_cast<::aiocb&>(*under_way[i]));
            const int error = ::aio_error(&one);
            if (error == EINPROGRESS) {
                ++i;
                continue;
            }
            const ::ssize_t bytes = ::aio_return(&one);
            if (error == 0 && go_on_with_sync(one, work.job().sync)) {
                ++i;
                continue;
            }
            const bool moved_none = error == 0 && work.job().sync;
            const auto moved = moved_none ? static_cast<std::int64_t>(one.request.bytes.size()) : bytes;
            worker.done(one.request, error != 0 ? -error : moved);
            if (start(one, worker, files, write)) {
                ++i;
            } else {
                under_way[i] = under_way.back();
                under_way.pop_back();
            }
        }
    }
}

}  // namespace iobench

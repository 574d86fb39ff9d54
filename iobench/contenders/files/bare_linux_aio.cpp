// Native AIO by raw system calls: a batch of control blocks in, a batch of events out.
#include "contenders/files/file_contenders.hpp"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace iobench {

namespace {

void describe(::iocb& block, const file_request& request, const std::vector<int>& files, bool write) {
    block = {};
    block.aio_data = reinterpret_cast<std::uintptr_t>(&block);
    block.aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
    block.aio_fildes = static_cast<std::uint32_t>(files[request.file]);
    block.aio_buf = reinterpret_cast<std::uintptr_t>(request.bytes.data());
    block.aio_nbytes = request.bytes.size();
    block.aio_offset = static_cast<std::int64_t>(request.offset);
}

/// Its write has ended; it is not over before that is on the disk.
void describe_sync(::iocb& block) {
    const std::uint32_t fd = block.aio_fildes;
    block = {};
    block.aio_data = reinterpret_cast<std::uintptr_t>(&block);
    block.aio_lio_opcode = IOCB_CMD_FDSYNC;
    block.aio_fildes = fd;
}

void submit(::aio_context_t context, std::vector<::iocb*>& batch) {
    std::size_t taken = 0;
    while (taken < batch.size()) {
        const long n = ::syscall(SYS_io_submit, context, batch.size() - taken, batch.data() + taken);
        if (n < 0) give_up("io_submit", errno);
        taken += static_cast<std::size_t>(n);
    }
    batch.clear();
}

}  // namespace

void read_with_io_submit(file_work& work) {
    const auto files = work.open_files();
    const bool write = work.job().write;
    auto requests = work.requests();
    std::vector<::iocb> blocks(requests.size());
    std::vector<::io_event> events(requests.size());
    std::vector<::iocb*> batch;
    ::aio_context_t context = 0;
    if (::syscall(SYS_io_setup, blocks.size(), &context) != 0) give_up("io_setup (see sysctl fs.aio-max-nr)", errno);
    work.begin();
    file_worker worker(work);
    std::size_t under_way = 0;
    const auto start = [&](std::size_t i) {
        if (!worker.next(requests[i])) return;
        describe(blocks[i], requests[i], files, write);
        batch.push_back(&blocks[i]);
        ++under_way;
    };
    for (std::size_t i = 0; i < requests.size(); ++i) start(i);
    while (under_way != 0) {
        submit(context, batch);
        const long came =
            ::syscall(SYS_io_getevents, context, 1L, static_cast<long>(events.size()), events.data(), nullptr);
        if (came < 0 && errno != EINTR) give_up("io_getevents", errno);
        for (long n = 0; n < came; ++n) {
            const ::io_event& event = events[static_cast<std::size_t>(n)];
            const auto i = static_cast<std::size_t>(reinterpret_cast<::iocb*>(event.data) - blocks.data());
            if (work.job().sync && blocks[i].aio_lio_opcode == IOCB_CMD_PWRITE && event.res > 0) {
                describe_sync(blocks[i]);
                batch.push_back(&blocks[i]);
                continue;
            }
            const bool synced = blocks[i].aio_lio_opcode == IOCB_CMD_FDSYNC && event.res == 0;
            worker.done(requests[i], synced ? static_cast<std::int64_t>(requests[i].bytes.size()) : event.res);
            --under_way;
            start(i);
        }
    }
    ::syscall(SYS_io_destroy, context);
}

}  // namespace iobench

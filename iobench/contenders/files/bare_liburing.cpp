// io_uring by liburing: one call per turn that submits and waits.
#include "contenders/files/file_contenders.hpp"
#include "count/counters.hpp"

#include <liburing.h>

#include <cerrno>

namespace iobench {

namespace {

void set_up(::io_uring& ring, unsigned entries) {
    unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
    int result = ::io_uring_queue_init(entries, &ring, flags);
    if (result == -EINVAL) result = ::io_uring_queue_init(entries, &ring, 0);  // before Linux 6.1
    if (result < 0) give_up("io_uring_setup", -result);
    ::io_uring_register_ring_fd(&ring);  // saves looking up the descriptor; without it all works, too
}

/// Behind the write, linked to it: the kernel begins it when that has ended.
void append_sync(::io_uring& ring, ::io_uring_sqe& write, int fd, file_request& request) {
    write.flags |= IOSQE_IO_LINK;
    ::io_uring_sqe_set_data(&write, nullptr);
    ::io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    ::io_uring_sqe_set_data(sqe, &request);
}

}  // namespace

void read_with_liburing(file_work& work) {
    const auto files = work.open_files();
    const bool write = work.job().write;
    auto requests = work.requests();
    ::io_uring ring{};
    set_up(ring, static_cast<unsigned>(2 * requests.size()));
    work.begin();
    file_worker worker(work);
    std::size_t under_way = 0;
    const auto start = [&](file_request& request) {
        if (!worker.next(request)) return;
        ::io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring);
        const auto size = static_cast<unsigned>(request.bytes.size());
        if (write) {
            ::io_uring_prep_write(sqe, files[request.file], request.bytes.data(), size, request.offset);
        } else {
            ::io_uring_prep_read(sqe, files[request.file], request.bytes.data(), size, request.offset);
        }
        ::io_uring_sqe_set_data(sqe, &request);
        if (work.job().sync) append_sync(ring, *sqe, files[request.file], request);
        ++under_way;
    };
    for (file_request& one : requests) start(one);
    while (under_way != 0) {
        note(call::io_uring_enter);  // liburing enters by inline assembly, which goes by unseen
        const int entered = ::io_uring_submit_and_wait(&ring, 1);
        if (entered < 0 && entered != -EINTR) give_up("io_uring_enter", -entered);
        unsigned head = 0;
        unsigned count = 0;
        const ::io_uring_cqe* cqe = nullptr;
        io_uring_for_each_cqe(&ring, head, cqe) {
            ++count;
            auto* const request = static_cast<file_request*>(::io_uring_cqe_get_data(cqe));
            if (request == nullptr) {  // a write whose sync follows
                if (cqe->res != static_cast<int>(work.job().block)) give_up("a write", -cqe->res);
                continue;
            }
            const bool synced = work.job().sync && cqe->res == 0;
            worker.done(*request, synced ? static_cast<std::int64_t>(request->bytes.size()) : cqe->res);
            --under_way;
            start(*request);
        }
        ::io_uring_cq_advance(&ring, count);
    }
    ::io_uring_queue_exit(&ring);
}

}  // namespace iobench

// One or many descriptors, one or many buffers: what a byte costs by read, readv, and batches of them.
#include "contenders/files/content.hpp"
#include "contenders/files/experiment.hpp"
#include "contenders/files/file_work.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

namespace iobench {

namespace {

constexpr unsigned many = 16;

/// What is to be read in a turn: `slices` of each descriptor, one behind the other.
struct table {
    explicit table(const experiment_setup& setup)
        : memory(static_cast<std::byte*>(std::aligned_alloc(page_size, many * many * page_size))) {
        const unsigned count = setup.point.starts_with("1 descriptor,") ? 1 : many;
        const unsigned buffers = setup.point.ends_with(" 1 buffer") ? 1 : many;
        for (unsigned d = 0; d < count; ++d) {
            files.push_back(open_or_give_up(setup.paths[0], O_RDONLY));
            std::vector<::iovec> row;
            for (unsigned b = 0; b < buffers; ++b) row.push_back({memory + (d * many + b) * page_size, page_size});
            slices.push_back(std::move(row));
        }
    }
    ~table() {
        for (const int fd : files) ::close(fd);
        std::free(memory);
    }
    table(const table&) = delete;
    table& operator=(const table&) = delete;

    std::uint64_t bytes() const { return files.size() * slices[0].size() * page_size; }

    std::byte* memory;
    std::vector<int> files;
    std::vector<std::vector<::iovec>> slices;
};

void must(bool right, const char* call) {
    if (!right) give_up(call, errno);
}

std::uint64_t by_pread(table& all, ::off_t at) {
    std::uint64_t calls = 0;
    for (std::size_t d = 0; d < all.files.size(); ++d) {
        ::off_t offset = at;
        for (const ::iovec& one : all.slices[d]) {
            must(::pread(all.files[d], one.iov_base, one.iov_len, offset) == page_size, "pread");
            offset += page_size;
            ++calls;
        }
    }
    return calls;
}

std::uint64_t by_preadv(table& all, ::off_t at) {
    for (std::size_t d = 0; d < all.files.size(); ++d) {
        auto& row = all.slices[d];
        const auto wanted = static_cast<::ssize_t>(row.size() * page_size);
        must(::preadv(all.files[d], row.data(), static_cast<int>(row.size()), at) == wanted, "preadv");
    }
    return all.files.size();
}

/// A request of a batch: a buffer, or a row of them.
struct request {
    int fd;
    void* where;
    std::uint64_t count;
    ::off_t offset;
};

std::vector<request> one_for_each_buffer(table& all, ::off_t at) {
    std::vector<request> batch;
    for (std::size_t d = 0; d < all.files.size(); ++d) {
        for (std::size_t b = 0; b < all.slices[d].size(); ++b) {
            batch.push_back(
                {all.files[d], all.slices[d][b].iov_base, page_size, at + static_cast<::off_t>(b * page_size)});
        }
    }
    return batch;
}

std::vector<request> one_for_each_row(table& all, ::off_t at) {
    std::vector<request> batch;
    for (std::size_t d = 0; d < all.files.size(); ++d) {
        batch.push_back({all.files[d], all.slices[d].data(), all.slices[d].size(), at});
    }
    return batch;
}

std::uint64_t by_io_submit(const std::vector<request>& batch, bool vectored) {
    static ::aio_context_t context = [] {
        ::aio_context_t made = 0;
        must(::syscall(SYS_io_setup, many * many, &made) == 0, "io_setup (see sysctl fs.aio-max-nr)");
        return made;
    }();
    std::vector<::iocb> blocks(batch.size());
    std::vector<::iocb*> addresses;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        blocks[i].aio_lio_opcode = vectored ? IOCB_CMD_PREADV : IOCB_CMD_PREAD;
        blocks[i].aio_fildes = static_cast<std::uint32_t>(batch[i].fd);
        blocks[i].aio_buf = reinterpret_cast<std::uintptr_t>(batch[i].where);
        blocks[i].aio_nbytes = batch[i].count;
        blocks[i].aio_offset = batch[i].offset;
        addresses.push_back(&blocks[i]);
    }
    const auto count = static_cast<long>(batch.size());
    must(::syscall(SYS_io_submit, context, count, addresses.data()) == count, "io_submit");
    std::vector<::io_event> events(batch.size());
    must(::syscall(SYS_io_getevents, context, count, count, events.data(), nullptr) == count, "io_getevents");
    for (const ::io_event& one : events) {
        if (one.res <= 0) give_up("a read", static_cast<int>(-one.res));
    }
    return 2;
}

std::uint64_t by_io_uring(const std::vector<request>& batch, bool vectored) {
    static ::io_uring ring = [] {
        ::io_uring made{};
        if (const int r = ::io_uring_queue_init(many * many, &made, 0); r < 0) give_up("io_uring_setup", -r);
        return made;
    }();
    for (const request& one : batch) {
        ::io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring);
        const auto count = static_cast<unsigned>(one.count);
        const auto offset = static_cast<std::uint64_t>(one.offset);
        if (vectored) {
            ::io_uring_prep_readv(sqe, one.fd, static_cast<::iovec*>(one.where), count, offset);
        } else {
            ::io_uring_prep_read(sqe, one.fd, one.where, count, offset);
        }
    }
    const int entered = ::io_uring_submit_and_wait(&ring, static_cast<unsigned>(batch.size()));
    if (entered < 0) give_up("io_uring_enter", -entered);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        ::io_uring_cqe* cqe = nullptr;
        if (::io_uring_wait_cqe(&ring, &cqe) < 0 || cqe->res <= 0) give_up("a read of io_uring failed");
        ::io_uring_cqe_seen(&ring, cqe);
    }
    return 1;
}

/// \return how many system calls it took
std::uint64_t turn(const std::string& contender, table& all, ::off_t at) {
    if (contender == "bare/read") return by_pread(all, at);
    if (contender == "bare/readv") return by_preadv(all, at);
    if (contender == "bare/linux_aio-pread") return by_io_submit(one_for_each_buffer(all, at), false);
    if (contender == "bare/linux_aio-preadv") return by_io_submit(one_for_each_row(all, at), true);
    if (contender == "bare/io_uring-read") return by_io_uring(one_for_each_buffer(all, at), false);
    return by_io_uring(one_for_each_row(all, at), true);
}

sample run(const experiment_setup& setup) {
    table all(setup);
    const std::uint64_t span = many * page_size;
    const std::uint64_t places = setup.bytes / span;
    std::uint64_t turns = 0;
    std::uint64_t calls = 0;
    const double begun = clock_now();
    const double cpu = cpu_now();
    double ended = begun;
    for (; ended < begun + setup.seconds; ended = clock_now()) {
        const std::uint64_t at = turns++ % places * span;
        calls += turn(setup.contender, all, static_cast<::off_t>(at));
        if (turns % many == 1) check_bytes({all.memory, page_size}, setup, 0, at);
    }
    const double used = cpu_now() - cpu;
    const double kibibytes = static_cast<double>(turns * all.bytes()) / 1024;
    return {{"cpu_ns", used / kibibytes * 1e9},
            {"calls", static_cast<double>(calls) / kibibytes},
            {"mib_s", kibibytes / 1024 / (ended - begun)}};
}

}  // namespace

experiment buffers_experiment() {
    return {"buffers",
            {"bare/read", "bare/readv", "bare/linux_aio-pread", "bare/linux_aio-preadv", "bare/io_uring-read",
             "bare/io_uring-readv"},
            run};
}

}  // namespace iobench

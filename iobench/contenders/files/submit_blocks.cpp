// Does submitting block? The time in the call that submits, and the time until all is done.
#include "contenders/files/block_order.hpp"
#include "contenders/files/content.hpp"
#include "contenders/files/experiment.hpp"
#include "contenders/files/file_work.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

namespace iobench {

namespace {

constexpr unsigned batch = 32;                                     // reads of a page in one submission
constexpr std::size_t large_read = std::size_t{64} * 1024 * 1024;  // of /dev/zero, in one piece

struct read_request {
    std::byte* into;
    std::size_t bytes;
    std::uint64_t offset;
};

/// A mechanism that takes a batch in one call and tells later that all of it is done.
class mechanism {
  public:
    mechanism() = default;
    mechanism(const mechanism&) = delete;
    mechanism& operator=(const mechanism&) = delete;
    virtual ~mechanism() = default;
    virtual void prepare(int fd, const std::vector<read_request>&) = 0;
    virtual void submit() = 0;
    virtual void await_all() = 0;
};

class linux_aio : public mechanism {
  public:
    linux_aio() {
        if (::syscall(SYS_io_setup, batch, &context_) != 0) give_up("io_setup (see sysctl fs.aio-max-nr)", errno);
    }
    ~linux_aio() override { ::syscall(SYS_io_destroy, context_); }

    void prepare(int fd, const std::vector<read_request>& reads) override {
        blocks_.assign(reads.size(), {});
        addresses_.clear();
        for (std::size_t i = 0; i < reads.size(); ++i) {
            blocks_[i].aio_lio_opcode = IOCB_CMD_PREAD;
            blocks_[i].aio_fildes = static_cast<std::uint32_t>(fd);
            blocks_[i].aio_buf = reinterpret_cast<std::uintptr_t>(reads[i].into);
            blocks_[i].aio_nbytes = reads[i].bytes;
            blocks_[i].aio_offset = static_cast<std::int64_t>(reads[i].offset);
            addresses_.push_back(&blocks_[i]);
        }
    }
    void submit() override {
        for (std::size_t taken = 0; taken < addresses_.size();) {
            const long n = ::syscall(SYS_io_submit, context_, addresses_.size() - taken, addresses_.data() + taken);
            if (n < 0) give_up("io_submit", errno);
            taken += static_cast<std::size_t>(n);
        }
    }
    void await_all() override {
        std::vector<::io_event> events(addresses_.size());
        const auto count = static_cast<long>(events.size());
        if (::syscall(SYS_io_getevents, context_, count, count, events.data(), nullptr) != count) {
            give_up("io_getevents", errno);
        }
        for (const ::io_event& one : events) {
            if (one.res <= 0) give_up("a read", static_cast<int>(-one.res));
        }
    }

  private:
    ::aio_context_t context_ = 0;
    std::vector<::iocb> blocks_;
    std::vector<::iocb*> addresses_;
};

class io_uring_ring : public mechanism {
  public:
    io_uring_ring() {
        if (const int r = ::io_uring_queue_init(batch, &ring_, 0); r < 0) give_up("io_uring_setup", -r);
    }
    ~io_uring_ring() override { ::io_uring_queue_exit(&ring_); }

    void prepare(int fd, const std::vector<read_request>& reads) override {
        count_ = static_cast<unsigned>(reads.size());
        for (const read_request& one : reads) {
            ::io_uring_prep_read(::io_uring_get_sqe(&ring_), fd, one.into, static_cast<unsigned>(one.bytes),
                                 one.offset);
        }
    }
    void submit() override {
        if (const int r = ::io_uring_submit(&ring_); r < 0) give_up("io_uring_enter", -r);
    }
    void await_all() override {
        ::io_uring_cqe* cqe = nullptr;
        if (const int r = ::io_uring_wait_cqe_nr(&ring_, &cqe, count_); r < 0) give_up("io_uring_enter", -r);
        for (unsigned i = 0; i < count_; ++i) {
            ::io_uring_peek_cqe(&ring_, &cqe);
            if (cqe->res <= 0) give_up("a read", -cqe->res);
            ::io_uring_cqe_seen(&ring_, cqe);
        }
    }

  private:
    ::io_uring ring_{};
    unsigned count_ = 0;
};

std::unique_ptr<mechanism> make(const std::string& contender) {
    if (contender == "bare/linux_aio") return std::make_unique<linux_aio>();
    return std::make_unique<io_uring_ring>();
}

/// Random pages of a file, a batch at a time; with a cold cache none that was read before.
class page_reads {
  public:
    explicit page_reads(const experiment_setup& setup)
        : setup_(setup),
          order_(setup.bytes / page_size, 1),
          cold_(setup.point.ends_with("cold")),
          memory_(static_cast<std::byte*>(std::aligned_alloc(page_size, batch * page_size))) {
        const bool direct = setup.point == "O_DIRECT";
        fd_ = open_or_give_up(setup.paths[0], O_RDONLY | (direct ? O_DIRECT : 0));
        ::posix_fadvise(fd_, 0, 0, POSIX_FADV_RANDOM);
        if (direct || cold_) drop_from_cache(fd_);
    }
    ~page_reads() {
        std::free(memory_);
        ::close(fd_);
    }
    page_reads(const page_reads&) = delete;
    page_reads& operator=(const page_reads&) = delete;

    int fd() const { return fd_; }
    std::vector<read_request> next() {
        if (visited_ + batch > order_.count()) {
            if (cold_) drop_from_cache(fd_);
            visited_ = 0;
        }
        std::vector<read_request> reads;
        for (unsigned i = 0; i < batch; ++i) {
            reads.push_back({memory_ + i * page_size, page_size, order_(visited_++) * page_size});
        }
        return reads;
    }
    void check(const std::vector<read_request>& reads) const {
        check_bytes({reads[0].into, page_size}, setup_, 0, reads[0].offset);
    }

  private:
    const experiment_setup& setup_;
    block_order order_;
    bool cold_;
    std::byte* memory_;
    int fd_ = -1;
    std::uint64_t visited_ = 0;
};

struct times {
    double in_submit = 0;
    double until_done = 0;
    double cpu = 0;
    double batches = 0;
};

void take(mechanism& by, int fd, const std::vector<read_request>& reads, times& sum) {
    by.prepare(fd, reads);
    const double cpu = cpu_now();
    const double begun = clock_now();
    by.submit();
    const double submitted = clock_now();
    by.await_all();
    sum.until_done += clock_now() - begun;
    sum.in_submit += submitted - begun;
    sum.cpu += cpu_now() - cpu;
    ++sum.batches;
}

times read_pages(const experiment_setup& setup, mechanism& by) {
    page_reads pages(setup);
    times sum;
    for (const double end = clock_now() + setup.seconds; clock_now() < end;) {
        const auto reads = pages.next();
        take(by, pages.fd(), reads, sum);
        pages.check(reads);
    }
    return sum;
}

times read_zeroes(const experiment_setup& setup, mechanism& by) {
    const int fd = open_or_give_up("/dev/zero", O_RDONLY);
    std::vector<std::byte> memory(large_read, std::byte{1});
    times sum;
    for (const double end = clock_now() + setup.seconds; clock_now() < end;) {
        take(by, fd, {{memory.data(), memory.size(), 0}}, sum);
        if (memory.back() != std::byte{0}) give_up("/dev/zero: no zeroes");
    }
    ::close(fd);
    return sum;
}

sample run(const experiment_setup& setup) {
    const auto by = make(setup.contender);
    const times sum = setup.point.starts_with("/dev/zero") ? read_zeroes(setup, *by) : read_pages(setup, *by);
    return {{"submit_share", 100 * sum.in_submit / sum.until_done},
            {"submit_us", sum.in_submit / sum.batches * 1e6},
            {"done_us", sum.until_done / sum.batches * 1e6},
            {"cpu_us", sum.cpu / sum.batches * 1e6}};
}

}  // namespace

experiment submit_blocks_experiment() { return {"submit-blocks", {"bare/linux_aio", "bare/io_uring"}, run}; }

}  // namespace iobench

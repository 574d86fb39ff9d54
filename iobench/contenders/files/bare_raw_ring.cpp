// io_uring without a library: two system calls and two rings in shared memory (io_uring(7)).
#include "contenders/files/file_contenders.hpp"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

namespace iobench {

namespace {

class raw_ring {
  public:
    explicit raw_ring(unsigned entries) {
        ::io_uring_params about{};
        about.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
        fd_ = set_up(entries, about);
        if (fd_ < 0 && errno == EINVAL) {  // before Linux 6.1
            about = {};
            fd_ = set_up(entries, about);
        }
        if (fd_ < 0) give_up("io_uring_setup", errno);
        if ((about.features & IORING_FEAT_SINGLE_MMAP) == 0) give_up("io_uring: older than Linux 5.4");
        const std::size_t submissions = about.sq_off.array + about.sq_entries * sizeof(unsigned);
        const std::size_t completions = about.cq_off.cqes + about.cq_entries * sizeof(::io_uring_cqe);
        auto* const rings = static_cast<std::byte*>(map(std::max(submissions, completions), IORING_OFF_SQ_RING));
        entries_ = static_cast<::io_uring_sqe*>(map(about.sq_entries * sizeof(::io_uring_sqe), IORING_OFF_SQES));
        const auto word = [rings](unsigned offset) { return reinterpret_cast<unsigned*>(rings + offset); };
        sq_tail_ = word(about.sq_off.tail);
        sq_mask_ = *word(about.sq_off.ring_mask);
        cq_head_ = word(about.cq_off.head);
        cq_tail_ = word(about.cq_off.tail);
        cq_mask_ = *word(about.cq_off.ring_mask);
        completions_ = reinterpret_cast<::io_uring_cqe*>(rings + about.cq_off.cqes);
        for (unsigned i = 0; i < about.sq_entries; ++i) word(about.sq_off.array)[i] = i;
    }
    ~raw_ring() { ::close(fd_); }
    raw_ring(const raw_ring&) = delete;
    raw_ring& operator=(const raw_ring&) = delete;

    /// From now on files[i] is the descriptor i of entries with IOSQE_FIXED_FILE, and buffers[i] the buffer i of
    /// IORING_OP_READ_FIXED: neither is looked up, nor its pages, for each operation.
    void register_all(const std::vector<int>& files, const std::vector<::iovec>& buffers) const {
        enlist(IORING_REGISTER_FILES, files.data(), files.size());
        enlist(IORING_REGISTER_BUFFERS, buffers.data(), buffers.size());
    }

    /// A zeroed entry. Never more of them between two turns than the ring has.
    ::io_uring_sqe& append() noexcept {
        ::io_uring_sqe& entry = entries_[(*sq_tail_ + appended_++) & sq_mask_];
        entry = {};
        return entry;
    }

    void submit_and_wait() {
        std::atomic_ref(*sq_tail_).store(*sq_tail_ + appended_, std::memory_order_release);
        to_submit_ += std::exchange(appended_, 0);
        const long n = ::syscall(SYS_io_uring_enter, fd_, to_submit_, 1, IORING_ENTER_GETEVENTS, nullptr, 0);
        if (n < 0 && errno != EINTR) give_up("io_uring_enter", errno);
        if (n > 0) to_submit_ -= static_cast<unsigned>(n);
    }

    template <class Deliver>
    void reap(Deliver deliver) {
        unsigned head = *cq_head_;
        const unsigned tail = std::atomic_ref(*cq_tail_).load(std::memory_order_acquire);
        for (; head != tail; ++head) deliver(completions_[head & cq_mask_]);
        std::atomic_ref(*cq_head_).store(head, std::memory_order_release);
    }

  private:
    static int set_up(unsigned entries, ::io_uring_params& about) noexcept {
        return static_cast<int>(::syscall(SYS_io_uring_setup, entries, &about));
    }
    void enlist(unsigned what, const void* list, std::size_t count) const {
        if (::syscall(SYS_io_uring_register, fd_, what, list, static_cast<unsigned>(count)) < 0) {
            give_up(what == IORING_REGISTER_FILES ? "registering files" : "registering buffers (ulimit -l)", errno);
        }
    }
    void* map(std::size_t size, long offset) const {
        void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset);
        if (at == MAP_FAILED) give_up("mmap of a ring", errno);
        return at;
    }

    int fd_ = -1;
    ::io_uring_sqe* entries_ = nullptr;
    ::io_uring_cqe* completions_ = nullptr;
    unsigned* sq_tail_ = nullptr;
    unsigned* cq_head_ = nullptr;
    unsigned* cq_tail_ = nullptr;
    unsigned sq_mask_ = 0;
    unsigned cq_mask_ = 0;
    unsigned appended_ = 0;   ///< since the last turn
    unsigned to_submit_ = 0;  ///< shown to the kernel and not taken
};

std::vector<::iovec> buffers_of(const std::vector<file_request>& requests) {
    std::vector<::iovec> all;
    for (const file_request& one : requests) all.push_back({one.bytes.data(), one.bytes.size()});
    return all;
}

void read_on(file_work& work, bool registered) {
    const auto files = work.open_files();
    const bool write = work.job().write;
    auto requests = work.requests();
    raw_ring ring(static_cast<unsigned>(requests.size()));
    if (registered) ring.register_all(files, buffers_of(requests));
    work.begin();
    file_worker worker(work);
    std::size_t under_way = 0;
    const auto start = [&](file_request& request) {
        if (!worker.next(request)) return;
        ::io_uring_sqe& entry = ring.append();
        if (registered) {
            entry.opcode = write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
            entry.fd = static_cast<int>(request.file);
            entry.flags = IOSQE_FIXED_FILE;
            entry.buf_index = static_cast<std::uint16_t>(&request - requests.data());
        } else {
            entry.opcode = write ? IORING_OP_WRITE : IORING_OP_READ;
            entry.fd = files[request.file];
        }
        entry.addr = reinterpret_cast<std::uintptr_t>(request.bytes.data());
        entry.len = static_cast<unsigned>(request.bytes.size());
        entry.off = request.offset;
        entry.user_data = reinterpret_cast<std::uintptr_t>(&request);
        ++under_way;
    };
    for (file_request& one : requests) start(one);
    while (under_way != 0) {
        ring.submit_and_wait();
        ring.reap([&](const ::io_uring_cqe& cqe) {
            auto& request = *reinterpret_cast<file_request*>(cqe.user_data);
            worker.done(request, cqe.res);
            --under_way;
            start(request);
        });
    }
}

}  // namespace

void read_with_raw_ring(file_work& work) { read_on(work, false); }

void read_with_registered_ring(file_work& work) { read_on(work, true); }

}  // namespace iobench

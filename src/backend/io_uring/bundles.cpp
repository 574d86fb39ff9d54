#include "backend/io_uring/bundles.hpp"

#include "base/unique_fd.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace penstock::detail {
namespace {

constexpr int rounds = 3;        // so that one begins in the middle of the ring
constexpr int most_waits = 100;  // for completions that should be there at once
constexpr ::timespec a_while{.tv_sec = 1, .tv_nsec = 0};

/// One multishot receive of bundles, and what it has brought.
class trial {
  public:
    trial(ring& r, buffer_ring& provided, buffer_pool& pool) noexcept : ring_(r), provided_(provided), pool_(pool) {}

    std::string run() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
            return std::string("could not be tried: ") + std::strerror(errno);
        }
        const unique_fd reading(ends[0]);
        unique_fd writing(ends[1]);
        provided_.restock();
        begin(reading.get());
        for (int i = 0; i < rounds && trouble_.empty(); ++i) one_round(writing.get(), i);
        writing = {};  // and that ends it
        for (int i = 0; i < most_waits && !ended_; ++i) wait();
        if (trouble_.empty() && !bundled_) trouble_ = "the kernel fills one buffer at a time all the same";
        return trouble_;
    }

  private:
    void begin(int fd) noexcept {
        ::io_uring_sqe* const sqe = ring_.next_sqe();
        ::io_uring_prep_recv(sqe, fd, nullptr, 0, 0);
        sqe->ioprio |= IORING_RECV_MULTISHOT | IORING_RECVSEND_BUNDLE;
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = provided_.group();
    }

    void one_round(int writing, int number) {
        sent_.resize(std::size_t{pool_.buffer_size()} * 5 / 2);
        for (std::size_t i = 0; i < sent_.size(); ++i) {
            sent_[i] = static_cast<std::byte>(i * 31 / 7 + i / 251 + static_cast<std::size_t>(number));
        }
        if (::send(writing, sent_.data(), sent_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent_.size())) {
            trouble_ = "could not be tried: a socket does not take so much at once";
            return;
        }
        seen_ = 0;
        for (int i = 0; i < most_waits && seen_ < sent_.size() && !ended_ && trouble_.empty(); ++i) wait();
        if (seen_ < sent_.size() && trouble_.empty()) trouble_ = "the kernel refuses it";
        provided_.restock();
    }

    void wait() noexcept {
        ring_.enter(1, &a_while);
        ring_.reap([this](const ::io_uring_cqe& cqe) noexcept { look_at(cqe); });
    }

    void look_at(const ::io_uring_cqe& cqe) noexcept {
        ended_ = (cqe.flags & IORING_CQE_F_MORE) == 0;
        if ((cqe.flags & IORING_CQE_F_BUFFER) == 0) return;
        int buffers = 0;
        provided_.take_bundle(cqe, [&](std::uint16_t buffer, std::int32_t size) {
            compare(buffer, static_cast<std::size_t>(std::max(size, 0)));
            pool_.put(buffer);
            ++buffers;
        });
        bundled_ |= buffers > 1;
    }

    void compare(std::uint16_t buffer, std::size_t size) noexcept {
        const bool same =
            size <= sent_.size() - seen_ && std::memcmp(pool_.data(buffer), sent_.data() + seen_, size) == 0;
        if (!same) trouble_ = "this kernel fills the buffers in another order than it says";
        seen_ += std::min(size, sent_.size() - seen_);
    }

    ring& ring_;
    buffer_ring& provided_;
    buffer_pool& pool_;
    std::vector<std::byte> sent_;
    std::size_t seen_ = 0;
    bool ended_ = false;
    bool bundled_ = false;
    std::string trouble_;
};

}  // namespace

std::string try_bundles(ring& r, buffer_ring& provided, buffer_pool& pool) {
    if (pool.count() < 8) return "it needs a pool of 8 buffers at least";
    return trial(r, provided, pool).run();
}

}  // namespace penstock::detail

#include "backend/io_uring/parts.hpp"

#include "base/unique_fd.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace penstock::detail {
namespace {

constexpr buffer_pool_options few_small_ones{.buffer_size = 512, .count = 8, .most_parts = 64};

/// A connection, what was sent through it in a round, and how much of that has come.
struct side {
    unique_fd reading = {};
    unique_fd writing = {};
    bool goes_on = false;  // its receive does, by itself
    bool armed = false;
    std::vector<std::byte> sent = {};
    std::size_t seen = 0;
};

class two_receives {
  public:
    two_receives(ring& r, buffer_ring& provided, buffer_pool& pool) noexcept
        : ring_(r), provided_(provided), pool_(pool) {}

    std::string run() {
        for (side& s : sides_) {
            int ends[2];
            if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
                return std::string("could not be tried: ") + std::strerror(errno);
            }
            s.reading = unique_fd(ends[0]);
            s.writing = unique_fd(ends[1]);
        }
        for (unsigned i = 0; i < rounds && trouble_.empty(); ++i) one_round(i);
        for (side& s : sides_) s.writing = {};  // and that ends what goes on
        for (int i = 0; i < most_waits && (sides_[0].armed || sides_[1].armed); ++i) wait();
        if (trouble_.empty() && provided_.shared() == 0) trouble_ = "the kernel fills a buffer once all the same";
        return trouble_;
    }

  private:
    static constexpr int rounds = 8;        // which fill some buffers, so that receives end at their ends, too
    static constexpr int most_waits = 100;  // for completions that should be there at once
    static constexpr ::timespec a_while{.tv_sec = 1, .tv_nsec = 0};

    // The first receive ends, whose completion the kernel may put off, and the second goes on, whose is posted at once.
    void one_round(unsigned number) {
        arm();
        ring_.enter(0, nullptr);  // so that both wait
        for (unsigned i = 0; i < sides_.size(); ++i) send(sides_[i], 100 + 50 * i, number * 2 + i);
        for (int i = 0; i < most_waits && !all_seen() && trouble_.empty(); ++i) {
            wait();
            arm();
        }
        if (!all_seen() && trouble_.empty()) trouble_ = "the kernel does not receive so";
    }

    void send(side& s, std::size_t size, unsigned seed) {
        s.sent.resize(size);
        s.seen = 0;
        for (std::size_t i = 0; i < size; ++i) s.sent[i] = static_cast<std::byte>(i * 31 / 7 + seed * 37);
        if (::send(s.writing.get(), s.sent.data(), size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) {
            trouble_ = "could not be tried: a socket does not take so much at once";
        }
    }

    bool all_seen() const noexcept {
        return sides_[0].seen == sides_[0].sent.size() && sides_[1].seen == sides_[1].sent.size();
    }

    void arm() noexcept {
        provided_.restock();
        for (std::size_t i = 0; i < sides_.size(); ++i) {
            if (std::exchange(sides_[i].armed, true)) continue;
            ::io_uring_sqe* const sqe = ring_.next_sqe();
            ::io_uring_prep_recv(sqe, sides_[i].reading.get(), nullptr, 0, 0);
            if (sides_[i].goes_on) sqe->ioprio |= IORING_RECV_MULTISHOT;
            sqe->flags |= IOSQE_BUFFER_SELECT;
            sqe->buf_group = provided_.group();
            sqe->user_data = i * (ring::unlinked << 1);
        }
    }

    void wait() noexcept {
        ring_.enter(1, &a_while);
        ring_.reap([this](const ::io_uring_cqe& cqe) noexcept { look_at(cqe); });
    }

    void look_at(const ::io_uring_cqe& cqe) noexcept {
        side& s = sides_[cqe.user_data == 0 ? 0 : 1];
        s.armed = (cqe.flags & IORING_CQE_F_MORE) != 0;
        if (cqe.res == -EINVAL) trouble_ = "the kernel refuses such receives";
        if ((cqe.flags & IORING_CQE_F_BUFFER) == 0) return;
        received_queue came;
        provided_.take_part(cqe, came, credit_);
        if (!came.empty()) compare(s, pool_.dequeue(came));
    }

    void compare(side& s, const lease& part) noexcept {
        const std::size_t left = s.sent.size() - s.seen;
        const bool same = part.size() <= left && std::memcmp(part.data(), s.sent.data() + s.seen, part.size()) == 0;
        if (!same) trouble_ = "this kernel tells of receives in another order than it fills buffers";
        s.seen += std::min(part.size(), left);
    }

    ring& ring_;
    buffer_ring& provided_;
    buffer_pool& pool_;
    lease_credit credit_;
    std::array<side, 2> sides_{side{}, side{.goes_on = true}};
    std::string trouble_;
};

}  // namespace

std::string try_parts(ring& r, buffer_ring& provided, buffer_pool& pool) {
    return two_receives(r, provided, pool).run();
}

std::string try_parts(const uring_options& options) {
    const ring_request request{.entries = 8, .completions = 64, .options = options, .used = {IORING_OP_RECV}};
    buffer_pool pool(few_small_ones);
    buffer_ring provided(pool);
    auto own = std::make_unique<ring>();
    if (auto made = own->set_up(request); !made) return "could not be tried: " + made.error().message;
    pool.allow_parts();
    if (provided.set_up(own->raw(), true) != 0) return "the kernel refuses it (Linux 6.12)";
    auto open = own->start(request);
    std::string trouble = open ? try_parts(*own, provided, pool) : "could not be tried: " + open.error().message;
    own.reset();  // from here on the kernel fills no buffer
    provided.take_back();
    return trouble;
}

}  // namespace penstock::detail

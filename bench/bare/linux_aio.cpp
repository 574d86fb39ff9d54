#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace bench {

namespace {

// The kernel maps the completion ring into the process, and its address is the handle that io_setup returns.
// Reading it here saves a system call per turn. Only one thread may do so: it must be the only one that moves
// the head.
class completion_ring {
  public:
    // Each slot is 32 bytes that both processors write, so the ring is no larger than the connections need.
    explicit completion_ring(unsigned capacity) {
        check(static_cast<int>(::syscall(SYS_io_setup, capacity, &handle_)), "io_setup");
        layout_ = reinterpret_cast<layout*>(handle_);
        if (layout_->magic != 0xa10a10a1 || layout_->incompatible_features != 0) {
            fail("the completion ring has an unknown layout", ENOTSUP);
        }
        slots_ = reinterpret_cast<const io_event*>(handle_ + layout_->header_size);
    }

    [[nodiscard]] aio_context_t handle() const { return handle_; }

    // Calls `deliver` for every completion that is there, blocking for the first.
    template <typename Deliver>
    void reap(Deliver deliver) {
        if (drain(deliver) > 0) {
            return;
        }
        std::array<io_event, 64> events;
        const long count = ::syscall(SYS_io_getevents, handle_, 1L, long{events.size()}, events.data(), nullptr);
        for (long i = 0; i < count; ++i) {
            deliver(events[static_cast<std::size_t>(i)]);
        }
        drain(deliver);
    }

  private:
    struct layout {
        unsigned id;
        unsigned slots;
        unsigned head;
        unsigned tail;
        unsigned magic;
        unsigned compatible_features;
        unsigned incompatible_features;
        unsigned header_size;
    };

    template <typename Deliver>
    unsigned drain(Deliver& deliver) {
        const unsigned tail = std::atomic_ref{layout_->tail}.load(std::memory_order_acquire);
        unsigned head = layout_->head;
        unsigned delivered = 0;
        for (; head != tail; ++delivered) {
            deliver(slots_[head]);
            head = head + 1 == layout_->slots ? 0 : head + 1;
        }
        if (delivered > 0) {
            std::atomic_ref{layout_->head}.store(head, std::memory_order_release);
        }
        return delivered;
    }

    aio_context_t handle_ = 0;
    layout* layout_ = nullptr;
    const io_event* slots_ = nullptr;
};

// Control blocks that go to the kernel together. It copies them while submitting, so they live in one small
// array that stays in the cache, and a connection that waits needs none.
class submission_batch {
  public:
    explicit submission_batch(std::size_t capacity) : blocks_(capacity), addresses_(capacity) {
        std::ranges::transform(blocks_, addresses_.begin(), [](iocb& block) { return &block; });
    }

    [[nodiscard]] iocb& append() {
        if (size_ == blocks_.size()) {
            fail("a turn has more work than the batch holds", ENOBUFS);
        }
        iocb& block = blocks_[size_++];
        block = {};
        return block;
    }

    // One system call, unless the kernel runs out of slots: then the rest goes with the next turn, which
    // reaps first.
    void submit(aio_context_t handle) {
        std::size_t done = 0;
        while (done < size_) {
            const long accepted = ::syscall(SYS_io_submit, handle, size_ - done, addresses_.data() + done);
            if (accepted < 0 && errno != EAGAIN) {
                fail("io_submit", errno);
            }
            if (accepted <= 0) {
                break;
            }
            done += static_cast<std::size_t>(accepted);
        }
        std::copy(blocks_.begin() + static_cast<std::ptrdiff_t>(done),
                  blocks_.begin() + static_cast<std::ptrdiff_t>(size_), blocks_.begin());
        size_ -= done;
    }

  private:
    std::vector<iocb> blocks_;
    std::vector<iocb*> addresses_;
    std::size_t size_ = 0;
};

// Buffers are lent from a poll's completion to the write's, and the last one returned is the next one lent.
class buffer_pool {
  public:
    [[nodiscard]] std::byte* lend() {
        if (free_.empty()) {
            return owned_.emplace_back(std::make_unique_for_overwrite<std::byte[]>(max_message)).get();
        }
        std::byte* const buffer = free_.back();
        free_.pop_back();
        return buffer;
    }

    void give_back(std::byte* buffer) { free_.push_back(buffer); }

  private:
    std::vector<std::unique_ptr<std::byte[]>> owned_;
    std::vector<std::byte*> free_;
};

// Every turn makes one io_submit. It carries the reads of the sockets that became readable, and for those
// read in the turn before the write together with the next poll. Sockets are non-blocking, so reads and
// writes are done when io_submit returns and the next turn finds their completions without asking the kernel.
class linux_aio_echo {
  public:
    explicit linux_aio_echo(int listener)
        : listener_{listener},
          connections_(static_cast<std::size_t>(raise_descriptor_limit())),
          completions_{in_flight_limit},
          batch_{std::size_t{2} * in_flight_limit} {
        set_nonblocking(listener_);
    }

    [[noreturn]] void run() {
        poll(listener_, POLLIN);
        for (;;) {
            batch_.submit(completions_.handle());
            completions_.reap([this](const io_event& event) { dispatch(event); });
        }
    }

  private:
    static constexpr unsigned in_flight_limit = 16 * 1024;

    enum class step : std::uint8_t { poll_in, poll_out, read, write };

    struct connection {
        std::byte* buffer = nullptr;
        std::uint32_t written = 0;
        std::uint32_t size = 0;  // of the message being written; 0 when none is
        bool readable = false;   // became so while the write was held up
    };

    void dispatch(const io_event& event) {
        const int descriptor = static_cast<int>(event.data >> 8);
        switch (static_cast<step>(event.data & 0xff)) {
            case step::poll_in: return descriptor == listener_ ? accept_all() : on_readable(descriptor);
            case step::poll_out: return write_rest(descriptor);
            case step::read: return on_read(descriptor, event.res);
            case step::write: return on_written(descriptor, event.res);
        }
    }

    void accept_all() {
        for (;;) {
            const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (accepted >= 0) {
                poll(accepted, POLLIN);
            } else if (errno == EAGAIN) {
                return poll(listener_, POLLIN);
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    void on_readable(int descriptor) {
        connection& peer = at(descriptor);
        if (peer.size > 0) {
            peer.readable = true;
            return;
        }
        peer.buffer = buffers_.lend();
        transfer(descriptor, step::read, IOCB_CMD_PREAD, peer.buffer, max_message);
    }

    void on_read(int descriptor, std::int64_t result) {
        connection& peer = at(descriptor);
        if (result > 0) {
            peer.size = static_cast<std::uint32_t>(result);
            peer.written = 0;
            transfer(descriptor, step::write, IOCB_CMD_PWRITE, peer.buffer, peer.size);
            poll(descriptor, POLLIN);
            return;
        }
        buffers_.give_back(peer.buffer);
        if (result == -EAGAIN) {
            poll(descriptor, POLLIN);
        } else {
            ::close(descriptor);
        }
    }

    void on_written(int descriptor, std::int64_t result) {
        connection& peer = at(descriptor);
        if (result > 0) {
            peer.written += static_cast<std::uint32_t>(result);
        }
        if (result == -EAGAIN || (result > 0 && peer.written < peer.size)) {
            return poll(descriptor, POLLOUT);
        }
        peer.size = 0;
        buffers_.give_back(peer.buffer);
        if (result < 0) {
            ::shutdown(descriptor,
                       SHUT_RDWR);  // the poll that is armed then finds the end, and the read closes
        }
        if (peer.readable) {
            peer.readable = false;
            on_readable(descriptor);
        }
    }

    void write_rest(int descriptor) {
        const connection& peer = at(descriptor);
        transfer(descriptor, step::write, IOCB_CMD_PWRITE, peer.buffer + peer.written, peer.size - peer.written);
    }

    void poll(int descriptor, short events) {
        iocb& block = prepare(descriptor, events == POLLIN ? step::poll_in : step::poll_out, IOCB_CMD_POLL);
        block.aio_buf = static_cast<std::uint64_t>(events);
    }

    void transfer(int descriptor, step kind, unsigned short command, std::byte* data, std::size_t size) {
        iocb& block = prepare(descriptor, kind, command);
        block.aio_buf = reinterpret_cast<std::uintptr_t>(data);
        block.aio_nbytes = size;
    }

    iocb& prepare(int descriptor, step kind, unsigned short command) {
        iocb& block = batch_.append();
        block.aio_fildes = static_cast<std::uint32_t>(descriptor);
        block.aio_lio_opcode = command;
        block.aio_data = (static_cast<std::uint64_t>(descriptor) << 8) | static_cast<std::uint64_t>(kind);
        return block;
    }

    connection& at(int descriptor) { return connections_[static_cast<std::size_t>(descriptor)]; }

    int listener_;
    std::vector<connection> connections_;
    completion_ring completions_;
    submission_batch batch_;
    buffer_pool buffers_;
};

}  // namespace

void echo_with_linux_aio(int listener) { linux_aio_echo{listener}.run(); }

}  // namespace bench

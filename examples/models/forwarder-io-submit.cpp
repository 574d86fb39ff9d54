// forwarder-io-submit ADDR TO: forwards each connection to ADDR, one at a time, to TO, with native AIO.
//
// io_submit(2) was made for disks, but carries out any read or write. On a socket it does so at once, one after another
// in the order of the array, and on a blocking socket it *blocks* until the bytes are there. So one io_submit of
// [write what came, read more] is a whole turn of a forwarder: one system call where read and write are two.
//
// The C library has no wrapper for these calls, hence syscall(2).
#include "two_sockets.hpp"

#include <linux/aio_abi.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <span>

using two_sockets::ending;

namespace {

// The kernel maps the completion ring into the process, and what io_setup returns as the instance's id is its address.
// So completions can be taken without io_getevents, which would be a second system call per turn.
class completion_queue {
  public:
    explicit completion_queue(unsigned capacity) {
        if (::syscall(SYS_io_setup, capacity, &id_) != 0) two_sockets::fail_with_errno("io_setup");
        ring_ = reinterpret_cast<header*>(id_);
        // A kernel with another layout would have another magic number; then every completion is asked for.
        if (ring_->magic != 0xa10a10a1 || ring_->incompatible_features != 0) ring_ = nullptr;
    }
    ~completion_queue() { ::syscall(SYS_io_destroy, id_); }
    completion_queue(const completion_queue&) = delete;
    completion_queue& operator=(const completion_queue&) = delete;

    // Returns when all of them have been carried out.
    void run(std::span<iocb*> blocks, std::span<io_event> events) const {
        // The kernel may take fewer than offered; an error concerns the first that is left.
        for (std::size_t taken = 0; taken < blocks.size();) {
            const long count = ::syscall(SYS_io_submit, id_, blocks.size() - taken, blocks.data() + taken);
            if (count < 0 && errno != EAGAIN) two_sockets::fail_with_errno("io_submit");
            taken += static_cast<std::size_t>(std::max(0L, count));
        }
        // On sockets everything has ended by now and is in the ring. Elsewhere a part may be yet to come: what is
        // asked for then is the *rest*, and it goes behind what has been taken from the ring.
        std::size_t collected = take_from_ring(events);
        while (collected < events.size()) {
            const std::size_t rest = events.size() - collected;
            const long count = ::syscall(SYS_io_getevents, id_, rest, rest, events.data() + collected, nullptr);
            if (count < 0 && errno != EINTR) two_sockets::fail_with_errno("io_getevents");
            collected += static_cast<std::size_t>(std::max(0L, count));
        }
    }

  private:
    struct header {  // struct aio_ring of the kernel's fs/aio.c; the events follow it
        unsigned id;
        unsigned capacity;
        unsigned head;
        unsigned tail;
        unsigned magic;
        unsigned compatible_features;
        unsigned incompatible_features;
        unsigned header_size;
    };

    // Only one thread may do this, and nobody may call io_getevents meanwhile: the head has one owner.
    std::size_t take_from_ring(std::span<io_event> events) const {
        if (ring_ == nullptr) return 0;
        const auto* const slots =
            reinterpret_cast<const io_event*>(reinterpret_cast<std::byte*>(ring_) + ring_->header_size);
        // Acquire: the kernel writes an event and then the tail; who sees the tail must see the event.
        const unsigned tail = std::atomic_ref(ring_->tail).load(std::memory_order_acquire);
        unsigned head = ring_->head;
        std::size_t count = 0;
        for (; head != tail && count < events.size(); head = (head + 1) % ring_->capacity)
            events[count++] = slots[head];
        // Release: the kernel overwrites a slot once it sees the head beyond it; by then the slot must have been read.
        std::atomic_ref(ring_->head).store(head, std::memory_order_release);
        return count;
    }

    aio_context_t id_ = 0;
    header* ring_ = nullptr;
};

iocb block(std::uint16_t command, int socket, void* bytes, std::size_t size) {
    iocb made{};
    made.aio_lio_opcode = command;
    made.aio_fildes = static_cast<std::uint32_t>(socket);
    made.aio_buf = reinterpret_cast<std::uintptr_t>(bytes);
    made.aio_nbytes = size;
    made.aio_data = command;  // comes back in the event and says which of the two it was
    return made;
}

// What a signal kept io_submit from writing. That is rare, so a plain call will do.
bool send_rest(int to, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(0, sent)));
    }
    return true;
}

ending forward(int from, int to) {
    completion_queue queue(2);
    // Two buffers, by turns: the read comes after the write even if that took only a part of its bytes, and must not
    // overwrite the rest.
    std::array<two_sockets::buffer, 2> buffers;
    std::size_t size = 0;  // of what came last. The first turn's write is of no bytes, so that all turns are alike
    for (unsigned turn = 0;; ++turn) {
        two_sockets::buffer& full = buffers[turn % 2];
        two_sockets::buffer& empty = buffers[(turn + 1) % 2];
        iocb write = block(IOCB_CMD_PWRITE, to, full.data(), size);
        iocb read = block(IOCB_CMD_PREAD, from, empty.data(), empty.size());
        std::array<iocb*, 2> blocks{&write, &read};
        std::array<io_event, 2> events;
        queue.run(blocks, events);

        const bool in_order = events[0].data == IOCB_CMD_PWRITE;
        const auto written = events[in_order ? 0 : 1].res;
        const auto count = events[in_order ? 1 : 0].res;
        // A signal ends what it interrupts with EINTR, since io_submit is never restarted as a call would be.
        if (written < 0 && written != -EINTR) return ending::broken;
        const auto done = static_cast<std::size_t>(std::max<std::int64_t>(0, written));
        if (done < size && !send_rest(to, std::span(full).first(size).subspan(done))) return ending::broken;
        if (count == 0) return ending::in_order;
        if (count < 0 && count != -EINTR) return ending::broken;
        size = static_cast<std::size_t>(std::max<std::int64_t>(0, count));
    }
}

}  // namespace

int main(int count, char** values) { return two_sockets::run(count, values, forward); }

#include "ladder_buffers.hpp"

#include "../support/sockets.hpp"

#include <sys/mman.h>

#include <cerrno>

namespace bench {

ladder_buffers::ladder_buffers(ladder_ring& ring, bool shared)
    : ring_{ring}, storage_(std::size_t{count} * size), order_(count), place_(count) {
    if (!shared) {
        provide(0, count);
        ring_.turn(0);
        return;
    }
    void* const memory =
        ::mmap(nullptr, count * sizeof(io_uring_buf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fail("mmap", errno);
    }
    shared_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = count;
    registration.bgid = group;
    if (const int result = ::io_uring_register_buf_ring(&ring.native(), &registration, 0); result == -EINVAL) {
        not_here("rings of buffers need Linux 5.19");
    } else if (result < 0) {
        fail("io_uring_register_buf_ring", -result);
    }
    for (unsigned index = 0; index < count; ++index) {
        give_back(static_cast<std::uint16_t>(index));
    }
    publish();
}

void ladder_buffers::give_back(std::uint16_t index) {
    ++returned_;
    if (shared_ == nullptr) {
        provide(index, 1);
        return;
    }
    ::io_uring_buf_ring_add(shared_, at(index), size, index, ::io_uring_buf_ring_mask(count), returned_ - 1);
    place_[index] = tail_ % count;
    order_[tail_ % count] = index;
    ++tail_;
}

bool ladder_buffers::publish() {
    if (returned_ == 0) {
        return false;
    }
    if (shared_ != nullptr) {
        ::io_uring_buf_ring_advance(shared_, returned_);
    }
    returned_ = 0;
    return true;
}

void ladder_buffers::provide(std::uint16_t first, unsigned how_many) {
    io_uring_sqe& entry = ring_.prepare();
    ::io_uring_prep_provide_buffers(&entry, at(first), static_cast<int>(size), static_cast<int>(how_many), group,
                                    first);
    entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry.user_data = 0;
}

}  // namespace bench

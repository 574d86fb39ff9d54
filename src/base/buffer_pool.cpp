#include <penstock/buffer_pool.hpp>

#include "base/check.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace penstock {
namespace {

constexpr std::uint16_t most_buffers = 32768;  // the kernel's limit for a provided-buffer ring

std::byte* map_memory(std::size_t size) {
    // Untouched pages cost nothing, so a generous pool is free until the load needs it.
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<std::byte*>(memory);
}

}  // namespace

buffer_pool::buffer_pool(buffer_pool_options options)
    : buffer_size_(std::max(options.buffer_size, 64U)),
      count_(std::clamp<std::uint16_t>(options.count, 1, most_buffers)),
      available_(count_),
      fewest_available_(count_) {
    slots_ = std::make_unique<slot[]>(count_);
    memory_ = map_memory(std::size_t{buffer_size_} * count_);
    for (std::uint16_t i = 0; i < count_; ++i) {
        slots_[i].next = i + 1 == count_ ? detail::no_buffer : static_cast<std::uint16_t>(i + 1);
    }
}

buffer_pool::~buffer_pool() {
    PENSTOCK_CHECK(available_ == count_, "a lease outlived its loop");
    ::munmap(memory_, std::size_t{buffer_size_} * count_);
}

buffer_pool_statistics buffer_pool::statistics() const noexcept {
    return {.buffer_size = buffer_size_,
            .count = count_,
            .in_use = static_cast<std::uint16_t>(count_ - available_),
            .most_in_use = static_cast<std::uint16_t>(count_ - fewest_available_),
            .exhausted = exhausted_};
}

std::uint16_t buffer_pool::take() noexcept {
    if (available_ == 0) {
        ++exhausted_;
        return detail::no_buffer;
    }
    const std::uint16_t index = free_head_;
    free_head_ = slots_[index].next;
    fewest_available_ = std::min(fewest_available_, --available_);
    return index;
}

void buffer_pool::put(std::uint16_t index) noexcept {
    slots_[index].next = free_head_;
    free_head_ = index;
    ++available_;
}

void buffer_pool::enqueue(detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index,
                          std::uint32_t length) noexcept {
    slots_[index] = {.credit = &credit, .length = length, .next = detail::no_buffer};
    ++credit.held;
    if (queue.empty()) {
        queue.head_ = index;
    } else {
        slots_[queue.tail_].next = index;
    }
    queue.tail_ = index;
}

lease buffer_pool::dequeue(detail::received_queue& queue) noexcept {
    const std::uint16_t index = queue.head_;
    queue.head_ = slots_[index].next;
    return {*this, index, slots_[index].length};
}

void buffer_pool::put_back(detail::received_queue& queue, lease rest) noexcept {
    if (rest.empty()) return;
    const std::uint16_t index = rest.index_;
    std::memmove(data(index), rest.data_, rest.size_);
    if (queue.empty()) queue.tail_ = index;
    slots_[index].length = rest.size_;
    slots_[index].next = std::exchange(queue.head_, index);
    rest.pool_ = nullptr;  // the credit stays charged: the buffer is the stream's again
}

void buffer_pool::discard(detail::received_queue& queue) noexcept {
    while (!queue.empty()) dequeue(queue);
}

lease buffer_pool::lend() noexcept {
    const std::uint16_t index = take();
    if (index == detail::no_buffer) return {};
    slots_[index].credit = nullptr;
    return {*this, index, buffer_size_};
}

void buffer_pool::end_lease(std::uint16_t index) noexcept {
    detail::lease_credit* const credit = std::exchange(slots_[index].credit, nullptr);
    put(index);
    if (credit == nullptr) return;
    --credit->held;
    if (credit->returned != nullptr) credit->returned(*credit);
}

}  // namespace penstock

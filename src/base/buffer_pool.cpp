#include <penstock/buffer_pool.hpp>

#include "base/check.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace penstock {
namespace {

constexpr std::uint16_t most_buffers = 32768;  // the kernel's limit for a provided-buffer ring
constexpr std::uint16_t most_parts = 32767;    // their numbers follow those of buffers, and the last one is no_buffer
constexpr std::size_t alignment = 4096;        // of where the memory of a class begins

buffer_class_statistics figures_of(const auto& c) noexcept {
    return {.buffer_size = c.buffer_size,
            .count = c.count,
            .in_use = static_cast<std::uint16_t>(c.count - c.available),
            .most_in_use = static_cast<std::uint16_t>(c.count - c.fewest_available),
            .exhausted = c.exhausted};
}

}  // namespace

buffer_pool::buffer_pool(buffer_pool_options options)
    : most_parts_(std::clamp<std::uint16_t>(options.most_parts, 1, most_parts)) {
    add_class(0, {.buffer_size = options.buffer_size, .count = std::max<std::uint16_t>(options.count, 1)});
    for (unsigned c = 1; c < most_buffer_classes; ++c) add_class(c, options.more[c - 1]);
    slots_ = std::make_unique<slot[]>(total_);
    place_classes(options.huge_pages);
    for (size_class& c : classes_) {
        for (std::uint16_t i = 0; i < c.count; ++i) {
            const auto index = static_cast<std::uint16_t>(c.first + i);
            slots_[index].next = i + 1 == c.count ? detail::no_buffer : static_cast<std::uint16_t>(index + 1);
            slots_[index].buffer = index;
        }
    }
}

void buffer_pool::add_class(unsigned number, const buffer_class_options& options) noexcept {
    size_class& c = classes_[number];
    c.first = total_;
    c.count = std::min<std::uint16_t>(options.count, most_buffers - total_);
    if (c.count == 0) return;
    c.buffer_size = std::max(options.buffer_size, 64U);
    c.available = c.fewest_available = c.count;
    c.free_head = c.first;
    total_ += c.count;
}

/// Untouched pages cost nothing, so a generous pool is free until the load needs it.
void buffer_pool::place_classes(bool huge_pages) {
    std::array<std::size_t, most_buffer_classes> begins{};
    std::size_t size = 0;
    for (unsigned i = 0; i < most_buffer_classes; ++i) {
        begins[i] = size;
        size += (std::size_t{classes_[i].buffer_size} * classes_[i].count + alignment - 1) / alignment * alignment;
    }
    pages_ = detail::map_pages(size, huge_pages);
    if (pages_.memory == nullptr) throw std::bad_alloc();
    for (unsigned i = 0; i < most_buffer_classes; ++i) classes_[i].memory = pages_.memory + begins[i];
}

buffer_pool::~buffer_pool() {
    for (const size_class& c : classes_) PENSTOCK_CHECK(c.available == c.count, "a lease outlived its loop");
    detail::unmap_pages(pages_);
}

buffer_pool_statistics buffer_pool::statistics() const noexcept {
    buffer_pool_statistics s{figures_of(classes_[0]), parts_, parts_refused_};
    for (unsigned c = 1; c < most_buffer_classes; ++c) s.more[c - 1] = figures_of(classes_[c]);
    return s;
}

std::uint16_t buffer_pool::take(unsigned of_class) noexcept {
    size_class& c = classes_[of_class];
    if (c.available == 0) {
        ++c.exhausted;
        return detail::no_buffer;
    }
    const std::uint16_t index = c.free_head;
    c.free_head = slots_[index].next;
    c.fewest_available = std::min(c.fewest_available, --c.available);
    return index;
}

void buffer_pool::put(std::uint16_t index) noexcept {
    size_class& c = classes_[class_of(index)];
    slots_[index].next = c.free_head;
    c.free_head = index;
    ++c.available;
}

void buffer_pool::enqueue(detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index,
                          std::uint32_t length) noexcept {
    slots_[index].offset = 0;
    slots_[index].length = length;
    append(queue, credit, index);
}

void buffer_pool::append(detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index) noexcept {
    slots_[index].credit = &credit;
    slots_[index].next = detail::no_buffer;
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
    slot& s = slots_[index];
    if (queue.empty()) queue.tail_ = index;
    s.offset = static_cast<std::uint32_t>(rest.data_ - data(s.buffer));
    s.length = rest.size_;
    s.next = std::exchange(queue.head_, index);
    rest.pool_ = nullptr;  // the credit stays charged: the buffer is the stream's again
}

void buffer_pool::discard(detail::received_queue& queue) noexcept {
    while (!queue.empty()) dequeue(queue);
}

lease buffer_pool::lend() noexcept {
    const std::uint16_t index = take();
    if (index == detail::no_buffer) return {};
    slots_[index].credit = nullptr;
    slots_[index].offset = 0;
    return {*this, index, buffer_size()};
}

void buffer_pool::end_lease(std::uint16_t index) noexcept {
    detail::lease_credit* const credit = std::exchange(slots_[index].credit, nullptr);
    if (index < total_) {
        put(index);
    } else {
        put_part(index);
    }
    if (credit == nullptr) return;
    --credit->held;
    if (credit->returned != nullptr) credit->returned(*credit);
}

// --- Buffers that are filled in parts ----------------------------------------------------------------------

void buffer_pool::allow_parts() {
    if (shares_ != nullptr) return;
    auto all = std::make_unique_for_overwrite<slot[]>(std::size_t{total_} + most_parts_);
    std::copy_n(slots_.get(), total_, all.get());
    shares_ = std::make_unique<share[]>(total_);
    slots_ = std::move(all);
    untouched_parts_ = total_;
}

bool buffer_pool::enqueue_part(detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index,
                               std::uint32_t length) noexcept {
    share& of = shares_[index];
    const std::uint32_t offset = std::exchange(of.filled, of.filled + length);
    if (extend(queue, index, offset, length)) return true;
    const std::uint16_t part = take_part();
    if (part == detail::no_buffer) return false;
    slots_[part].buffer = index;
    slots_[part].offset = offset;
    slots_[part].length = length;
    ++of.users;
    append(queue, credit, part);
    return true;
}

/// What follows the newest part of a queue is one with it: a peer that sends by the byte fills buffers and no queue.
bool buffer_pool::extend(const detail::received_queue& queue, std::uint16_t buffer, std::uint32_t offset,
                         std::uint32_t length) noexcept {
    if (queue.empty() || queue.tail_ < total_) return false;
    slot& newest = slots_[queue.tail_];
    if (newest.buffer != buffer || newest.offset + newest.length != offset) return false;
    newest.length += length;
    return true;
}

std::uint16_t buffer_pool::take_part() noexcept {
    if (parts_ == most_parts_) {
        ++parts_refused_;
        return detail::no_buffer;
    }
    ++parts_;
    if (free_part_ == detail::no_buffer) return untouched_parts_++;
    return std::exchange(free_part_, slots_[free_part_].next);
}

void buffer_pool::put_part(std::uint16_t index) noexcept {
    slots_[index].next = std::exchange(free_part_, index);
    --parts_;
    close(slots_[index].buffer);
}

}  // namespace penstock

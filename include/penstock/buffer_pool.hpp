// Receive buffers: one pool per loop, handed out as leases, so that an idle connection owns no memory.
#pragma once

#include <penstock/detail/pages.hpp>
#include <penstock/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {

/// A piece of memory in a vectored send, read or write. Layout-compatible with the kernel's `struct iovec`.
struct io_slice {
    void* data = nullptr;
    std::size_t size = 0;

    io_slice() noexcept = default;
    io_slice(void* p, std::size_t n) noexcept : data(p), size(n) {}
    /// For sending and writing, which only read the memory.
    io_slice(std::span<const std::byte> bytes) noexcept  // NOLINT(google-explicit-constructor): a slice is a view
        : data(const_cast<std::byte*>(bytes.data())), size(bytes.size()) {}
    io_slice(std::string_view text) noexcept  // NOLINT(google-explicit-constructor)
        : data(const_cast<char*>(text.data())), size(text.size()) {}
};

class buffer_pool;
class lease;

/// How many size classes a pool has at most: the default one, class 0, and those of buffer_pool_options::more.
inline constexpr unsigned most_buffer_classes = 4;

namespace detail {

/// How many buffers of the pool one stream may hold, queued and leased together. `returned` is called on the loop's
/// thread each time one comes back.
struct lease_credit {
    std::uint16_t held = 0;
    std::uint16_t limit = 4;
    bool one_at_a_time = false;     ///< a receive that could go on is to end with one buffer, as a splice may follow
    bool reads_ahead = false;       ///< a read may go on by itself, as a receive does
    std::uint8_t buffer_class = 0;  ///< which buffers a receive that starts now takes
    void (*returned)(lease_credit&) noexcept = nullptr;
    void* owner = nullptr;  ///< for `returned`

    bool exhausted() const noexcept { return held >= limit; }
};

inline constexpr std::uint16_t no_buffer = 0xffff;

/// Received buffers that were not yet asked for, in order of arrival; linked through the pool's own table.
class received_queue {
  public:
    bool empty() const noexcept { return head_ == no_buffer; }

  private:
    friend class penstock::buffer_pool;
    std::uint16_t head_ = no_buffer;
    std::uint16_t tail_ = no_buffer;
};

}  // namespace detail

/// A size class of a pool besides the default one.
struct buffer_class_options {
    std::uint32_t buffer_size = 65536;  ///< bytes per buffer; at least 64
    /// Buffers per loop; 0: there is no such class. What is said of a single one at buffer_pool_options::count holds
    /// here.
    std::uint16_t count = 0;
};

/// Bounds and shape of a pool.
struct buffer_pool_options {
    std::uint32_t buffer_size = 8192;  ///< bytes per buffer of class 0
    /// Buffers per loop, at most 32768; memory is touched on first use only. A single one serves receives: on io_uring
    /// it is the kernel's, and reads that can't go through its ring (uring_options::incremental_buffers,
    /// bounds::denied) would find none.
    std::uint16_t count = 512;
    /// Classes 1, 2 and 3, for streams that ask for them (net::stream::receive_in(), adopted::receive_in()). All
    /// classes have at most 32768 buffers together: those that come later get what is left, which statistics() shows.
    std::array<buffer_class_options, most_buffer_classes - 1> more = {};
    /// Where buffers are filled in parts (uring_options::incremental_buffers): parts that are queued or leased at once,
    /// at most 32767; a receive beyond that fails with no_buffer_space. Touched on first use only, too.
    std::uint16_t most_parts = 32767;
    /// Huge pages, as for fs::buffer_arena; buffer_pool::what_is_missing() says why they are not. Costs 2 MiB at the
    /// first touch of each, where else 4 KiB are taken; pays where the whole pool is in use most of the time.
    bool huge_pages = false;
};

/// What a size class of a pool has lived through, as data.
struct buffer_class_statistics {
    std::uint32_t buffer_size = 0;
    std::uint16_t count = 0;        ///< 0: there is no such class
    std::uint16_t in_use = 0;       ///< with a stream, a lease or the kernel's ring, now
    std::uint16_t most_in_use = 0;  ///< the highest in_use so far
    std::uint64_t exhausted = 0;    ///< how often a reader found none and was parked
};

/// The same of a pool: the figures of class 0, and those of the others beside them.
struct buffer_pool_statistics : buffer_class_statistics {
    std::uint16_t parts = 0;          ///< of buffers that are filled in parts: queued or leased, now; of all classes
    std::uint64_t parts_refused = 0;  ///< received beyond buffer_pool_options::most_parts, which lost it
    std::array<buffer_class_statistics, most_buffer_classes - 1> more = {};  ///< classes 1, 2 and 3
};

/// A fixed set of buffers of one size, or of several sizes (classes), used most-recent-first so that the same few stay
/// in the cache. Belongs to one loop and its thread. Never grows: when a class is empty, its readers wait until a lease
/// of it comes back, and those of the others go on.
class buffer_pool {
  public:
    explicit buffer_pool(buffer_pool_options options);
    ~buffer_pool();
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;

    // Of a class less than most_buffer_classes; 0 for one that there is not.
    std::uint32_t buffer_size(unsigned of_class = 0) const noexcept { return classes_[of_class].buffer_size; }
    std::uint16_t count(unsigned of_class = 0) const noexcept { return classes_[of_class].count; }
    std::uint16_t available(unsigned of_class = 0) const noexcept { return classes_[of_class].available; }
    /// Whether there is such a class; any number may be asked about.
    bool has_class(unsigned number) const noexcept {
        return number < most_buffer_classes && classes_[number].count != 0;
    }
    buffer_pool_statistics statistics() const noexcept;
    /// One line for people: what was asked for of its pages and is not so, and why. Empty if nothing is missing.
    std::string what_is_missing() const { return detail::what_is_missing(pages_); }

    // What follows is for backends and streams; programs see leases.

    // The buffers of all classes have numbers of one row: those of class 0 first, so that one comparison finds it.

    /// Takes a buffer of the class, or detail::no_buffer (counted in its statistics' `exhausted`).
    std::uint16_t take(unsigned of_class = 0) noexcept;
    /// Gives back a buffer that no stream was charged for.
    void put(std::uint16_t index) noexcept;
    unsigned class_of(std::uint16_t index) const noexcept {
        unsigned c = 0;
        while (index >= classes_[c].first + classes_[c].count) ++c;
        return c;
    }
    /// The number of a class's first buffer; those of the others follow.
    std::uint16_t first_of(unsigned of_class) const noexcept { return classes_[of_class].first; }
    std::uint32_t size_of(std::uint16_t index) const noexcept { return classes_[class_of(index)].buffer_size; }
    std::byte* data(std::uint16_t index) noexcept {
        const size_class& c = classes_[class_of(index)];
        return c.memory + std::size_t{static_cast<std::uint16_t>(index - c.first)} * c.buffer_size;
    }
    /// The size of the buffer that the newest in `queue` lies in; 0 if the queue is empty.
    std::uint32_t size_of_newest(const detail::received_queue& queue) const noexcept {
        return queue.empty() ? 0 : size_of(slots_[queue.tail_].buffer);
    }

    /// Appends a filled buffer to `queue` and charges `credit` for it.
    void enqueue(detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index,
                 std::uint32_t length) noexcept;

    // Buffers that are filled in parts, which may go to different queues and share the buffer.

    /// Before the first of them. \throws std::bad_alloc
    void allow_parts();
    /// Somebody begins to fill a buffer that was taken: from its start on, without gaps.
    void open(std::uint16_t index) noexcept { shares_[index] = {.filled = 0, .users = 1}; }
    /// Appends the next `length` bytes of an open buffer to `queue`. Charges `credit` for it, unless they follow what
    /// is the newest there. \return false if there are as many parts as there may be; the bytes are skipped.
    bool enqueue_part(detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index,
                      std::uint32_t length) noexcept;
    /// Nobody fills it any more: it goes back as soon as its last part has.
    void close(std::uint16_t index) noexcept {
        if (--shares_[index].users == 0) put(index);
    }

    /// Takes the oldest buffer out of a queue that is not empty; its credit is freed when the lease ends.
    lease dequeue(detail::received_queue& queue) noexcept;
    /// Puts a lease that came out of `queue` back, or what is left of it, so that it is the oldest in there.
    void put_back(detail::received_queue& queue, lease rest) noexcept;
    /// Drops everything in `queue`.
    void discard(detail::received_queue& queue) noexcept;
    /// A lease on a fresh buffer of class 0 that no stream pays for; empty when the class is.
    lease lend() noexcept;

  private:
    friend class lease;
    /// What may be queued or leased: first a slot for each buffer as a whole, then those for parts of any.
    struct slot {
        detail::lease_credit* credit;
        std::uint32_t offset;
        std::uint32_t length;
        std::uint16_t next;
        std::uint16_t buffer;
    };
    /// A buffer that is filled in parts.
    struct share {
        std::uint32_t filled;  ///< bytes
        std::uint16_t users;   ///< its parts, and who fills it
    };
    struct size_class {
        std::byte* memory = nullptr;
        std::uint32_t buffer_size = 0;
        std::uint16_t first = 0;
        std::uint16_t count = 0;
        std::uint16_t available = 0;
        std::uint16_t free_head = detail::no_buffer;
        std::uint16_t fewest_available = 0;
        std::uint64_t exhausted = 0;
    };

    void add_class(unsigned number, const buffer_class_options& options) noexcept;
    void place_classes(bool huge_pages);
    std::byte* begin_of(const slot& s) noexcept { return data(s.buffer) + s.offset; }
    void append(detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index) noexcept;
    bool extend(const detail::received_queue& queue, std::uint16_t buffer, std::uint32_t offset,
                std::uint32_t length) noexcept;
    std::uint16_t take_part() noexcept;
    void put_part(std::uint16_t index) noexcept;
    void end_lease(std::uint16_t index) noexcept;

    detail::pages pages_;
    std::unique_ptr<slot[]> slots_;
    std::array<size_class, most_buffer_classes> classes_;
    std::uint16_t total_ = 0;          ///< buffers of all classes
    std::unique_ptr<share[]> shares_;  ///< of each buffer; null: none is filled in parts
    std::uint16_t most_parts_;
    std::uint16_t parts_ = 0;
    std::uint16_t untouched_parts_ = 0;  ///< slots that were never used begin here
    std::uint16_t free_part_ = detail::no_buffer;
    std::uint64_t parts_refused_ = 0;
};

/// The right to read (and reuse) a pooled buffer's bytes, or a part of them, until the lease ends. Move-only. Must end
/// on the loop's thread and before the loop does. Holding leases uses up the stream's credit (default 4): a stream
/// whose leases are all held receives no more until one ends.
class lease {
  public:
    lease() noexcept = default;
    lease(lease&& other) noexcept { swap(other); }
    lease& operator=(lease&& other) noexcept {
        lease(std::move(other)).swap(*this);
        return *this;
    }
    ~lease() { reset(); }

    bool empty() const noexcept { return size_ == 0; }
    explicit operator bool() const noexcept { return size_ != 0; }
    std::size_t size() const noexcept { return size_; }
    const std::byte* data() const noexcept { return data_; }
    std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    std::span<std::byte> writable() noexcept { return {data_, size_}; }
    std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

    /// Drops `n` bytes (at most size()) from the front.
    void consume(std::size_t n) noexcept {
        data_ += n;
        size_ -= static_cast<std::uint32_t>(n);
    }
    /// Keeps only the first `n` bytes (at most size()).
    void truncate(std::size_t n) noexcept { size_ = static_cast<std::uint32_t>(n); }

    /// Ends the lease now.
    void reset() noexcept {
        if (pool_ == nullptr) return;
        pool_->end_lease(index_);
        pool_ = nullptr;
        data_ = nullptr;
        size_ = 0;
    }

  private:
    friend class buffer_pool;
    lease(buffer_pool& pool, std::uint16_t index, std::uint32_t size) noexcept
        : pool_(&pool), data_(pool.begin_of(pool.slots_[index])), size_(size), index_(index) {}

    void swap(lease& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(index_, other.index_);
    }

    buffer_pool* pool_ = nullptr;
    std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint16_t index_ = detail::no_buffer;
};

}  // namespace penstock

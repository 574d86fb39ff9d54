// Where system calls are counted: a page that a process shares with whoever measures it.
#pragma once

#include "count/calls.hpp"

#include <atomic>
#include <expected>
#include <string>

namespace iobench {

/// A slot per kind of call, which says whose it is, so that another program can read the page, too.
struct call_counter {
    std::array<char, 24> name = {};
    std::atomic<std::uint64_t> count = 0;
};
using call_page = std::array<call_counter, call_kinds>;

/// The counters of a child, seen from its parent.
class shared_counters {
  public:
    /// A page of zeros, in a file without a name (memfd_create(2)). \return it, or one line about what was wrong.
    static std::expected<shared_counters, std::string> create();
    shared_counters() = default;
    shared_counters(shared_counters&& other) noexcept;
    shared_counters& operator=(shared_counters&& other) noexcept;
    ~shared_counters();

    /// For adopt_counters() in another process, while this one lives.
    std::string path() const;
    call_counts read() const noexcept;

  private:
    int descriptor_ = -1;
    call_page* page_ = nullptr;
};

/// From now on the calls of this process, and of those that it forks, are counted in that file, which may be new.
std::expected<void, std::string> adopt_counters(const std::string& path);

/// What this process has counted; zeros if nobody has asked it to.
call_counts counted_here() noexcept;

namespace detail {
extern constinit call_page* counters;  ///< never null: a page that nobody looks at, until one is adopted
}  // namespace detail

/// A relaxed atomic addition: a few nanoseconds beside a call of a hundred and more.
inline void note(call which) noexcept {
    (*detail::counters)[static_cast<std::size_t>(which)].count.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace iobench

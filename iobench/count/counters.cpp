#include "count/counters.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace iobench {

namespace detail {

namespace {
constinit call_page unseen = {};
}  // namespace

constinit call_page* counters = &unseen;

}  // namespace detail

namespace {

std::string reason(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

/// The file as a page whose slots say whose they are; numbers stay what they were.
std::expected<call_page*, std::string> map(int descriptor) {
    if (::ftruncate(descriptor, sizeof(call_page)) != 0) return std::unexpected(reason("ftruncate"));
    void* const memory = ::mmap(nullptr, sizeof(call_page), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) return std::unexpected(reason("mmap"));
    auto* const page = static_cast<call_page*>(memory);
    for (std::size_t i = 0; i < call_kinds; ++i) std::ranges::copy(call_names[i], (*page)[i].name.begin());
    return page;
}

call_counts counts_of(const call_page& page) noexcept {
    call_counts counts{};
    for (std::size_t i = 0; i < call_kinds; ++i) counts[i] = page[i].count.load(std::memory_order_relaxed);
    return counts;
}

}  // namespace

std::expected<shared_counters, std::string> shared_counters::create() {
    shared_counters made;
    made.descriptor_ = ::memfd_create("iobench-counters", MFD_CLOEXEC);
    if (made.descriptor_ < 0) return std::unexpected(reason("memfd_create"));
    const auto page = map(made.descriptor_);
    if (!page) return std::unexpected("a page for counters: " + page.error());
    made.page_ = *page;
    return made;
}

shared_counters::shared_counters(shared_counters&& other) noexcept { *this = std::move(other); }

shared_counters& shared_counters::operator=(shared_counters&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(page_, other.page_);
    return *this;
}

shared_counters::~shared_counters() {
    if (page_ != nullptr) ::munmap(page_, sizeof(call_page));
    if (descriptor_ >= 0) ::close(descriptor_);
}

call_counts shared_counters::read() const noexcept { return page_ != nullptr ? counts_of(*page_) : call_counts{}; }

call_counts counted_here() noexcept { return counts_of(*detail::counters); }

std::string shared_counters::path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor_);
}

std::expected<void, std::string> adopt_counters(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return std::unexpected(path + ": " + std::strerror(errno));
    const auto page = map(descriptor);
    ::close(descriptor);  // a contender has no descriptor that it would not have by itself
    if (!page) return std::unexpected(path + ": " + page.error());
    detail::counters = *page;
    return {};
}

}  // namespace iobench

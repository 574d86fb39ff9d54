#include <penstock/detail/pages.hpp>

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>

namespace penstock::detail {
namespace {

constexpr std::size_t ordinary_size = 4096;
constexpr std::size_t huge_size = std::size_t{2} << 20;
constexpr int huge_size_flag = 21 << MAP_HUGE_SHIFT;  // whatever the machine's default is

std::size_t whole(std::size_t bytes, std::size_t unit) noexcept { return (bytes + unit - 1) / unit * unit; }

std::byte* map(std::size_t size, int how = 0) noexcept {
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

/// Beginning where a huge page can: what is before and after that goes back.
std::byte* map_aligned(std::size_t size) noexcept {
    std::byte* const memory = map(size + huge_size);
    if (memory == nullptr) return nullptr;
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(memory) % huge_size;
    if (before != 0) ::munmap(memory, before);
    if (before != huge_size) ::munmap(memory + before + size, huge_size - before);
    return memory + before;
}

/// madvise(2) says yes even where the administrator has said never.
bool turned_off() {
    std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
    std::string said;
    std::getline(file, said);
    return said.find("[never]") != std::string::npos;
}

int ask_for_transparent(const pages& p) noexcept {
    if (::madvise(p.memory, p.size, MADV_HUGEPAGE) != 0) return errno;
    return turned_off() ? EPERM : 0;
}

}  // namespace

pages map_pages(std::size_t bytes, bool huge) noexcept {
    pages made;
    if (!huge) {
        made.size = whole(bytes, ordinary_size);
        made.memory = map(made.size);
        return made;
    }
    made.size = whole(bytes, huge_size);
    made.memory = map(made.size, MAP_HUGETLB | huge_size_flag);
    if (made.memory != nullptr) {
        made.kind = page_kind::huge;
        return made;
    }
    made.not_huge = errno;
    made.memory = map_aligned(made.size);
    if (made.memory == nullptr) return made;
    made.not_transparent = ask_for_transparent(made);
    if (made.not_transparent == 0) made.kind = page_kind::transparent;
    return made;
}

void unmap_pages(pages& p) noexcept {
    if (p.memory != nullptr) ::munmap(p.memory, p.size);
    p = {};
}

std::string what_is_missing(const pages& p) {
    if (p.not_huge == 0) return {};
    std::string text =
        "no huge pages are set aside (sysctl vm.nr_hugepages): " + std::string(std::strerror(p.not_huge));
    if (p.not_transparent == 0) return text + "; transparent ones were asked for";
    text += "; no transparent ones: ";
    text += p.not_transparent == EPERM ? "turned off (/sys/kernel/mm/transparent_hugepage/enabled)"
                                       : std::strerror(p.not_transparent);
    return text;
}

}  // namespace penstock::detail

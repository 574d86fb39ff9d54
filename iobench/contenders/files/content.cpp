#include "contenders/files/content.hpp"

#include <cstring>

namespace iobench {

namespace {

std::uint64_t mixed(std::uint64_t value) noexcept {  // splitmix64
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

/// At the beginning of a page; the end has the complement.
std::uint64_t mark_of(std::uint64_t seed, std::size_t file, std::uint64_t offset) noexcept {
    return mixed(mixed(seed + file) + offset);
}

constexpr std::size_t last_word = page_size - sizeof(std::uint64_t);

}  // namespace

void mark_pages(std::span<std::byte> bytes, std::uint64_t seed, std::size_t file, std::uint64_t offset) noexcept {
    for (std::size_t at = 0; at + page_size <= bytes.size(); at += page_size) {
        const std::uint64_t mark = mark_of(seed, file, offset + at);
        const std::uint64_t complement = ~mark;
        std::memcpy(bytes.data() + at, &mark, sizeof mark);
        std::memcpy(bytes.data() + at + last_word, &complement, sizeof complement);
    }
}

bool marked_right(std::span<const std::byte> bytes, std::uint64_t seed, std::size_t file,
                  std::uint64_t offset) noexcept {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::memcpy(&first, bytes.data(), sizeof first);
    std::memcpy(&last, bytes.data() + bytes.size() - sizeof last, sizeof last);
    return first == mark_of(seed, file, offset) && last == ~mark_of(seed, file, offset + bytes.size() - page_size);
}

void fill_with_noise(std::span<std::byte> bytes, std::uint64_t seed) noexcept {
    for (std::size_t at = 0; at + sizeof seed <= bytes.size(); at += sizeof seed) {
        seed = mixed(seed);
        std::memcpy(bytes.data() + at, &seed, sizeof seed);
    }
}

}  // namespace iobench

// Fuzzes the HTTP/1 codec: whatever the bytes are, as a request and as a response, the outcome is the same however they
// arrive, and the invariants of support/http_outcome.hpp hold.
//
// The last four bytes of an input say where the rest is cut into pieces and by which limits it is read, so that any
// message with four bytes behind it is a seed.
#include "support/http_outcome.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

namespace {

using namespace penstock;

constexpr std::size_t control_size = 4;

std::vector<std::size_t> cuts_of(std::size_t size, std::uint32_t control) {
    const std::size_t longest_piece = 1 + control % 64;
    std::minstd_rand random(control);
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; at < size; at += 1 + random() % longest_piece) cuts.push_back(at);
    return cuts;
}

http::head_limits limits_of(std::uint32_t control) {
    if ((control & 0x80) == 0) return {};
    return {
        .bytes = 100 + (control >> 24), .fields = static_cast<std::uint16_t>(1 + (control >> 16) % 8), .target = 20};
}

void expect_same(const testing::http_outcome& whole, const testing::http_outcome& pieces) {
    const char* const broken = !whole.broken.empty()    ? whole.broken.c_str()
                               : !pieces.broken.empty() ? pieces.broken.c_str()
                               : whole != pieces        ? "in pieces the outcome is another one"
                                                        : nullptr;
    if (broken == nullptr) return;
    std::fprintf(stderr, "%s\nwhole: %s\n%spieces: %s\n%s", broken, whole.refused.what.data(), whole.said.c_str(),
                 pieces.refused.what.data(), pieces.said.c_str());
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < control_size) return 0;
    std::uint32_t control = 0;
    std::memcpy(&control, data + size - control_size, control_size);
    const std::string_view message(reinterpret_cast<const char*>(data), size - control_size);
    const std::vector<std::size_t> cuts = cuts_of(message.size(), control);
    const http::head_limits limits = limits_of(control);
    const auto asked = static_cast<http::method>((control >> 8) % 10);

    expect_same(testing::receive_request(message, {}, limits), testing::receive_request(message, cuts, limits));
    expect_same(testing::receive_response(message, {}, asked, limits),
                testing::receive_response(message, cuts, asked, limits));
    return 0;
}

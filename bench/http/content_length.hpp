#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bench {

// What a head, of a request or of an answer, says of the length of its body; nothing if it says nothing.
std::optional<std::uint64_t> content_length(std::string_view head);

}  // namespace bench

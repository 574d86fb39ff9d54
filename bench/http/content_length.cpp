#include "content_length.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace bench {

std::optional<std::uint64_t> content_length(std::string_view head) {
    constexpr std::string_view name = "\r\nContent-Length:";
    for (auto line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line + 2)) {
        if (head.size() - line < name.size() || ::strncasecmp(head.data() + line, name.data(), name.size()) != 0) {
            continue;
        }
        std::string_view value = head.substr(line + name.size());
        value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
        std::uint64_t length = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
        const bool whole =
            error == std::errc{} && value.substr(static_cast<std::size_t>(end - value.data())).starts_with('\r');
        return whole ? std::optional{length} : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace bench

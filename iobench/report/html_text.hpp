// Text that is safe inside of HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace iobench {

/// For text between tags and in quoted attributes. What XML forbids even so (most control characters) becomes U+FFFD.
std::string escaped(std::string_view text);

/// For an id and the link to it: lower-case letters, digits and hyphens; never empty.
std::string anchor(std::string_view text);

/// For a JSON text inside of <script>: nothing in it can end the element, and it is still the same JSON.
std::string script_safe(std::string_view json);

}  // namespace iobench

// The library's version.
#pragma once

namespace penstock {

/// "MAJOR.MINOR.PATCH". Before 1.0 a minor version may change the API.
const char* version() noexcept;

}  // namespace penstock

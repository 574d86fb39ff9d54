#include <penstock/version.hpp>

namespace penstock {

const char* version() noexcept { return PENSTOCK_VERSION; }

}  // namespace penstock

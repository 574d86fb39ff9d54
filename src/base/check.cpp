#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace penstock::detail {

void die(const char* file, int line, const char* message) noexcept {
    std::fprintf(stderr, "penstock: %s:%d: %s\n", file, line, message);
    std::abort();
}

}  // namespace penstock::detail

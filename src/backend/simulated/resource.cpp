#include "backend/simulated/resource.hpp"

#include "backend/simulated/simulated_backend.hpp"

namespace penstock::detail {

void resource::tell(side s) noexcept {
    const waiting_operation waiting = at(s);
    if (waiting.op != nullptr) waiting.by->on_ready(*waiting.op);
}

}  // namespace penstock::detail

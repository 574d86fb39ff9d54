#include "backend/simulated/futex_queue.hpp"

#include "backend/simulated/simulated_backend.hpp"

namespace penstock::detail {

void futex_queue::remove(const operation& op) noexcept {
    std::erase_if(waiting_, [&](const sleeper& s) { return s.op == &op; });
}

std::int32_t futex_queue::wake(const std::atomic<std::uint32_t>& word, std::uint32_t most) noexcept {
    std::uint32_t woken = 0;
    std::erase_if(waiting_, [&](const sleeper& s) {
        if (woken == most || s.op->word != &word || !s.by->on_ready(*s.op)) return false;
        ++woken;
        return true;
    });
    return static_cast<std::int32_t>(woken);
}

std::vector<operation*> futex_queue::of(const simulated_backend& whose) const {
    std::vector<operation*> found;
    for (const sleeper& s : waiting_) {
        if (s.by == &whose) found.push_back(s.op);
    }
    return found;
}

}  // namespace penstock::detail

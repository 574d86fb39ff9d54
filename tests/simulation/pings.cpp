#include "simulation/pings.hpp"

#include "simulation/random.hpp"

#include <chrono>

namespace simulated {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t count = 8;
constexpr duration latest = 1s;  // of virtual time, of which turns take next to nothing

}  // namespace

void pings::begin(simulation& machine, const std::vector<loop*>& loops, std::uint64_t seed) {
    dice d(~seed);
    all_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        all_[i].loop = d.below(loops.size());
        loop* const to = loops[all_[i].loop];
        const duration after(static_cast<duration::rep>(d.below(2'000'000'000)));
        machine.schedule(machine.now() + after, [this, i, to, &machine] {
            const bool taken = to->post([this, i, &machine] { all_[i].run = machine.now(); });
            if (taken) all_[i].posted = machine.now();
        });
    }
}

void pings::look(world& w) const {
    for (const ping& p : all_) {
        if (p.run != never && p.run - p.posted > latest) {
            w.violate("loop {}: what was posted to it was run {} ms later", p.loop, (p.run - p.posted) / 1ms);
        }
    }
}

}  // namespace simulated

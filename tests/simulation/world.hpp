// What those who take part in a history share: the plan, what was seen, and what must not have been.
#pragma once

#include "simulation/plan.hpp"
#include "simulation/record.hpp"
#include "simulation/words.hpp"
#include <penstock/endpoint.hpp>
#include <penstock/simulation.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace simulated {

class world {
  public:
    explicit world(const history_plan& wanted) : plan(wanted), records(wanted.requests) {
        for (const client_plan& c : plan.clients) {
            for (const request_plan& r : c.requests) requests.push_back(&r);
        }
    }

    const history_plan& plan;
    penstock::simulation* machine = nullptr;
    penstock::time_point begin{};
    std::vector<const request_plan*> requests;  ///< by their ids
    std::vector<request_record> records;        ///< as well
    std::vector<std::string> violations;

    penstock::endpoint gate;                             ///< where it listens
    penstock::time_point drain_began = penstock::never;  ///< the first signal
    penstock::time_point cut_began = penstock::never;    ///< the second

    std::uint32_t connections_of_origins = 0;
    std::size_t origins_listening = 0;

    bool draining() const { return machine->now() >= drain_began; }
    /// What something may take from one end of the gate to the other, where nobody pauses.
    penstock::duration way() const {
        const bool more = plan.machine.faults.delay != 0;
        return 10 * plan.machine.most_delay + (more ? std::chrono::seconds(1) : std::chrono::milliseconds(20));
    }
    /// Whether every worker of the gate knows at that time that it ends.
    bool surely_ending_at(penstock::time_point when) const {
        return !plan.harsh && drain_began != penstock::never && when > drain_began + way();
    }

    /// Notes what must not be: a sentence with `{}` where the values belong.
    template <class... Values>
    void violate(std::string_view what, const Values&... values) {
        constexpr std::size_t most = 20;  // what follows the first is often its consequence
        if (violations.size() < most) violations.push_back(filled(what, {text_of(values)...}));
    }
};

/// 127.0.0.1 with a port for each origin. The machine is simulated, and nobody else is on it.
inline penstock::endpoint address_of_origin(std::size_t index) {
    return penstock::endpoint::loopback(static_cast<std::uint16_t>(9000 + index));
}

}  // namespace simulated

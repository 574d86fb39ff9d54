// Who waits for words of memory, on all loops of a simulated machine.
#pragma once

#include <penstock/operation.hpp>

#include <cstdint>
#include <vector>

namespace penstock::detail {

class simulated_backend;

class futex_queue {
  public:
    void add(futex_wait_op& op, simulated_backend& by) { waiting_.push_back({&op, &by}); }
    /// Harmless if it is not there any more.
    void remove(const operation& op) noexcept;
    /// In the order in which they came. \return how many go on.
    std::int32_t wake(const std::atomic<std::uint32_t>& word, std::uint32_t most) noexcept;
    std::vector<operation*> of(const simulated_backend& whose) const;

  private:
    struct sleeper {
        futex_wait_op* op;
        simulated_backend* by;
    };
    std::vector<sleeper> waiting_;
};

}  // namespace penstock::detail

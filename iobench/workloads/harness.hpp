// What the measuring itself costs.
#pragma once

#include "model/workload.hpp"
#include "process/roles.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> harness_workload();

/// `nothing`: says `ready` and sleeps until it is ended.
role nothing_role();

}  // namespace iobench

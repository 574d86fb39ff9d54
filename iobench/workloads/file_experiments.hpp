// What files cost besides races: whether submitting blocks, how buffers are best handed over, how to warm a cache.
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> submit_blocks_workload();
std::shared_ptr<workload> buffers_workload();
std::shared_ptr<workload> prewarm_workload();

}  // namespace iobench

// Files and sockets in one loop.
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> mixed_workload();

}  // namespace iobench

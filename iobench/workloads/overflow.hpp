// The kernel's queue of signals overflows: is anything lost, and what does recovering cost?
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> overflow_workload();

}  // namespace iobench

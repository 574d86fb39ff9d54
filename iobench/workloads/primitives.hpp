// The machine's basic costs: single calls and switches, asking for readiness, waking a thread.
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> primitives_workload();
std::shared_ptr<workload> readiness_workload();
std::shared_ptr<workload> wake_workload();

}  // namespace iobench

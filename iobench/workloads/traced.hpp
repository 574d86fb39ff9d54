// What it costs a busy server to be watched by strace.
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> traced_workload();

}  // namespace iobench

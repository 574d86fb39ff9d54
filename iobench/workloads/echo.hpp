// Echo ping-pong: many connections, each with one message under way.
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> echo_workload();

}  // namespace iobench

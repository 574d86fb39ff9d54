// The files that name them all: every workload, every role.
#pragma once

#include "model/workload.hpp"
#include "process/roles.hpp"

#include <memory>
#include <vector>

namespace iobench {

std::vector<std::shared_ptr<workload>> workloads();
std::vector<role> roles();

}  // namespace iobench

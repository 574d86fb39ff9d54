// `iobench list`.
#pragma once

namespace iobench {

/// Every workload with its points, and every contender, with the reason for what can't run here.
int list_all();

}  // namespace iobench

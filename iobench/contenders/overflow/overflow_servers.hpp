// Echo servers whose queue of signals is short.
#pragma once

#include "model/workload.hpp"
#include "process/roles.hpp"

#include <vector>

namespace iobench {

/// The two that live on signals: penstock's backend, and the bare loop.
std::vector<contender> overflow_servers();

/// `overflow-server NAME SIGNALS`: an echo server that may have so many signals queued, 0 for what is usual. Says
/// `listening on ADDRESS`. To each line on its standard input it answers with what it has counted, as JSON: turns of
/// its loop and overflows, both 0 if it does not count.
role overflow_server_role();

}  // namespace iobench

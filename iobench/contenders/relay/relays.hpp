// Who can pass bytes on between two sockets.
#pragma once

#include "model/workload.hpp"
#include "process/roles.hpp"

#include <netinet/in.h>

#include <functional>
#include <vector>

namespace iobench {

struct relay {
    contender who;
    /// For each connection to the listening socket makes one to `upstream` and passes bytes on both ways, until the
    /// process is ended. Runs in a process of its own.
    std::function<void(int listener, const sockaddr_in& upstream)> serve;
};

std::vector<relay> bare_relays();
std::vector<relay> penstock_relays();
std::vector<relay> relays();

/// `relay NAME UPSTREAM`: says `listening on ADDRESS`.
role relay_role();

}  // namespace iobench

// Who can be an echo server: penstock on each backend, a bare loop per mechanism, and what users would otherwise pick.
#pragma once

#include "model/workload.hpp"
#include "process/roles.hpp"

#include <functional>
#include <string>
#include <vector>

namespace penstock {
class loop;
}

namespace iobench {

struct echo_server {
    contender who;
    /// Serves connections of a listening TCP socket until the process is ended: what it receives it sends back. Runs in
    /// a process of its own, which has nothing else to do.
    std::function<void(int listener)> serve;
};

std::vector<echo_server> penstock_echo_servers();
/// Calls `made` with the loop of a server of penstock_echo_servers() before it serves: for who wants its statistics.
void on_penstock_loop(std::function<void(penstock::loop&)> made);
std::vector<echo_server> bare_echo_servers();
/// A plain ring and what its features add: "bare/ring", "bare/ring+files". Of the workload that compares them.
std::vector<echo_server> ring_feature_echo_servers();
std::vector<echo_server> peer_echo_servers();
/// All of them, also those that can't run here.
std::vector<echo_server> echo_servers();

/// `echo-server NAME`: says `listening on ADDRESS`.
role echo_server_role();

}  // namespace iobench

#include "registry.hpp"

#include "contenders/accept/stage.hpp"
#include "contenders/echo/echo_servers.hpp"
#include "contenders/files/experiment.hpp"
#include "contenders/files/file_contenders.hpp"
#include "contenders/files/mixed_server.hpp"
#include "contenders/overflow/overflow_servers.hpp"
#include "contenders/relay/relays.hpp"
#include "load/accept_load.hpp"
#include "load/echo_load.hpp"
#include "primitives/primitives.hpp"
#include "workloads/echo.hpp"
#include "workloads/file_experiments.hpp"
#include "workloads/files.hpp"
#include "workloads/harness.hpp"
#include "workloads/mixed.hpp"
#include "workloads/network.hpp"
#include "workloads/overflow.hpp"
#include "workloads/primitives.hpp"
#include "workloads/traced.hpp"

namespace iobench {

// clang-format off: a line for each, so that what is added is a line, too

std::vector<std::shared_ptr<workload>> workloads() {
    return {
        primitives_workload(),
        readiness_workload(),
        wake_workload(),
        echo_workload(),
        sizes_workload(),
        streaming_workload(),
        batch_workload(),
        rate_workload(),
        idle_workload(),
        triggers_workload(),
        ring_sockets_workload(),
        threads_workload(),
        accept_workload(),
        relay_workload(),
        overflow_workload(),
        traced_workload(),
        files_random_direct_workload(),
        files_random_hot_workload(),
        files_random_cold_workload(),
        files_sequential_workload(),
        files_many_workload(),
        ring_files_workload(),
        fsync_workload(),
        submit_blocks_workload(),
        buffers_workload(),
        prewarm_workload(),
        mixed_workload(),
        harness_workload(),
    };
}

std::vector<role> roles() {
    return {
        echo_server_role(),
        echo_load_role(),
        overflow_server_role(),
        primitive_role(),
        file_job_role(),
        file_experiment_role(),
        mixed_server_role(),
        relay_role(),
        accept_server_role(),
        accept_load_role(),
        nothing_role(),
    };
}

}  // namespace iobench

#include "registry.hpp"

#include "contenders/echo/echo_servers.hpp"
#include "load/echo_load.hpp"
#include "workloads/echo.hpp"

namespace iobench {

std::vector<std::shared_ptr<workload>> workloads() {
    return {
        echo_workload(),
    };
}

std::vector<role> roles() {
    return {
        echo_server_role(),
        echo_load_role(),
    };
}

}  // namespace iobench

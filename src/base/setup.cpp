#include "base/setup.hpp"

#include <sys/resource.h>

#include <cerrno>

namespace penstock::detail {
namespace {

std::string advice(int error) {
    if (error == EMFILE) {
        ::rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        return "; the descriptor limit of this process is " + std::to_string(limit.rlim_cur) +
               ", raise it (ulimit -n 4096)";
    }
    if (error == ENFILE) return "; the system's descriptor limit is reached (sysctl fs.file-max)";
    if (error == EPERM) return "; a seccomp profile or sysctl forbids it";
    if (error == ENOSYS) return "; this kernel does not have it, or a seccomp profile hides it";
    return {};
}

}  // namespace

setup_error setup_failure(std::string_view call, int error) {
    const std::error_code code(error, std::system_category());
    return {code, std::string(call) + ": " + code.message() + advice(error)};
}

}  // namespace penstock::detail

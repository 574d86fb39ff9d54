// Kinds of programs, and which measurements speak for them.
#pragma once

#include <string>
#include <vector>

namespace iobench {

/// A workload at a point; the point that was measured and is nearest on the axis speaks for it.
struct evidence {
    std::string workload;
    std::string point;      ///< its name, where there is no axis
    double x = 0;           ///< where there is one: the point wanted
    const char* unit = "";  ///< of x, for people: "connections"
};

/// Which mechanisms a scenario may use.
enum class allowed { all, without_io_uring, posix };

struct scenario {
    std::string name;          ///< "socket-only server"
    std::string about;         ///< what such a program does
    std::vector<evidence> by;  ///< the first that a file has is taken
    allowed may_use = allowed::all;
    std::string would_change;  ///< what is not in the measurement and could change the choice
};

/// Those of the last claim of the list of models.
const std::vector<scenario>& scenarios();

/// Whether a scenario may use a mechanism ("io_uring", "epoll+posix_aio").
bool may_use(allowed, const std::string& mechanism);

}  // namespace iobench

// What a run says in a few lines per workload.
#pragma once

#include "report/leaders.hpp"

#include <string>
#include <vector>

namespace iobench {

/// One line of the summary; all texts are plain, not escaped.
struct headline {
    const ranked_workload* of = nullptr;
    stretch here;
    std::string leader;  ///< name
    std::string value;   ///< of the leader, over the stretch: "4.20 µs", "4.20 to 5.10 µs"
    std::vector<std::string> tied;
    std::string behind;  ///< "5 others 1.08 to 3.20 ×"; empty if there is nobody
    std::string
        of_penstock;  ///< the best backend of penstock where it is not the leader, with its relation: "io_uring tied"
};

std::vector<headline> headlines(const std::vector<ranked_workload>&);

}  // namespace iobench

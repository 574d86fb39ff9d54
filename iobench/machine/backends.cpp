#include "machine/backends.hpp"

namespace iobench {

const std::vector<penstock::backend_report>& surveyed_backends() {
    static const std::vector<penstock::backend_report> found = penstock::survey_backends();
    return found;
}

}  // namespace iobench

#include "contenders/files/file_contenders.hpp"

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

int carry_out(std::span<const std::string> arguments) {
    if (arguments.size() != 2) give_up("file-job: a contender and a job");
    const auto all = own_file_contenders();
    const auto chosen = std::ranges::find_if(
        all, [&](const file_contender& one) { return one.who.name == arguments[0] && one.who.unavailable.empty(); });
    if (chosen == all.end()) give_up("file-job: no such contender here");
    const auto job = file_job_from(nlohmann::json::parse(arguments[1], nullptr, false));
    if (!job) give_up("file-job: " + job.error());
    file_work work(*job);
    chosen->carry_out(work);
    std::puts(to_json(work.finish()).dump().c_str());
    return 0;
}

}  // namespace

std::vector<file_contender> bare_file_contenders() {
    const std::string no_libaio = has_libaio() ? "" : "libaio was not there when iobench was built (libaio-dev)";
    return {
        {{"bare/psync", group::bare}, read_with_pread, true},
        {{"bare/threads", group::bare}, read_with_threads},
        {{"bare/posix_aio", group::bare}, read_with_posix_aio},
        {{"bare/linux_aio", group::bare}, read_with_io_submit},
        {{"bare/libaio", group::bare, no_libaio}, read_with_libaio, false, false},
        {{"bare/io_uring", group::bare}, read_with_liburing},
        {{"bare/io_uring-raw", group::bare}, read_with_raw_ring, false, false},
        {{"bare/io_uring-raw-registered", group::bare}, read_with_registered_ring, false, false},
    };
}

std::vector<file_contender> own_file_contenders() {
    std::vector<file_contender> all;
    for (auto* const some : {penstock_file_contenders, bare_file_contenders, ring_feature_file_contenders}) {
        for (file_contender& one : some()) all.push_back(std::move(one));
    }
    return all;
}

role file_job_role() { return {"file-job", carry_out}; }

}  // namespace iobench

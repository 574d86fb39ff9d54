#include "contenders/files/run_file_job.hpp"

#include "contenders/files/file_contenders.hpp"
#include "contenders/files/fio.hpp"
#include "process/child.hpp"

#include <algorithm>

namespace iobench {

namespace {

std::expected<file_result, std::string> run_own(const contender& who, const file_job& job,
                                                const std::function<void()>& prepare) {
    auto process = child::in_role({"file-job", who.name, to_json(job).dump()}, core::server);
    if (!process) return std::unexpected(process.error());
    if (const auto ready = process->read_line(); !ready) return std::unexpected(ready.error());
    prepare();
    if (const auto told = process->tell("go"); !told) return std::unexpected(told.error());
    const auto said = process->read_line(std::chrono::duration<double>(job.warm_up + job.seconds + 30));
    if (!said) return std::unexpected(said.error());
    auto taken = file_result_from(nlohmann::json::parse(*said, nullptr, false));
    // Its threads are the C library's own, whose calls go by unseen.
    if (taken && who.name.contains("posix_aio")) taken->calls = file_result::unknown;
    return taken;
}

}  // namespace

std::vector<contender> file_contender_names() {
    std::vector<contender> all;
    for (auto* const some : {penstock_file_contenders, bare_file_contenders}) {
        for (const file_contender& one : some()) all.push_back(one.who);
    }
    for (const contender& one : fio_contenders()) all.push_back(one);
    return all;
}

std::vector<contender> sync_contender_names() {
    std::vector<contender> all;
    for (const file_contender& one : own_file_contenders()) {
        if (one.syncs) all.push_back(one.who);
    }
    return all;
}

std::vector<contender> ring_feature_contender_names() {
    std::vector<contender> all;
    for (const file_contender& one : ring_feature_file_contenders()) all.push_back(one.who);
    return all;
}

std::string left_out_at(const contender& who, unsigned depth) {
    if (depth == 1) return {};
    const auto all = own_file_contenders();
    const auto found = std::ranges::find_if(all, [&](const file_contender& one) { return one.who.name == who.name; });
    return found != all.end() && found->one_at_a_time ? "it has one request under way, and no more" : "";
}

std::expected<file_result, std::string> run_file_job(const contender& who, const file_job& job,
                                                     const std::function<void()>& prepare) {
    constexpr std::string_view fio = "fio/";
    if (!who.name.starts_with(fio)) return run_own(who, job, prepare);
    prepare();
    return run_fio(std::string_view(who.name).substr(fio.size()), job);
}

}  // namespace iobench

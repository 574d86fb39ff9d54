#include "contenders/files/file_job.hpp"

#include "contenders/files/content.hpp"

namespace iobench {

namespace {

constexpr unsigned most_depth = 1024;

std::string fault_of(const file_job& job) {
    if (job.paths.empty()) return "no files";
    if (job.block == 0 || job.block % page_size != 0) return "the block size is no multiple of 4096";
    if (job.bytes < job.block || job.bytes % job.block != 0) return "the files hold no whole number of blocks";
    if (job.depth == 0 || job.depth > most_depth) return "a depth is from 1 to 1024";
    if (job.sync && !job.write) return "what is not written can't be made durable";
    if (job.seconds <= 0 || job.warm_up < 0) return "no time";
    return {};
}

}  // namespace

nlohmann::json to_json(const file_job& job) {
    return {{"paths", job.paths},    {"bytes", job.bytes}, {"seed", job.seed},         {"order_seed", job.order_seed},
            {"random", job.random},  {"write", job.write}, {"sync", job.sync},         {"direct", job.direct},
            {"block", job.block},    {"depth", job.depth}, {"one_pass", job.one_pass}, {"warm_up", job.warm_up},
            {"seconds", job.seconds}};
}

std::expected<file_job, std::string> file_job_from(const nlohmann::json& from) {
    file_job job;
    try {
        from.at("paths").get_to(job.paths);
        from.at("bytes").get_to(job.bytes);
        from.at("seed").get_to(job.seed);
        from.at("order_seed").get_to(job.order_seed);
        from.at("random").get_to(job.random);
        from.at("write").get_to(job.write);
        from.at("sync").get_to(job.sync);
        from.at("direct").get_to(job.direct);
        from.at("block").get_to(job.block);
        from.at("depth").get_to(job.depth);
        from.at("one_pass").get_to(job.one_pass);
        from.at("warm_up").get_to(job.warm_up);
        from.at("seconds").get_to(job.seconds);
    } catch (const nlohmann::json::exception& wrong) {
        return std::unexpected(wrong.what());
    }
    if (std::string fault = fault_of(job); !fault.empty()) return std::unexpected(std::move(fault));
    return job;
}

nlohmann::json to_json(const file_result& r) {
    return {{"operations", r.operations}, {"seconds", r.seconds},   {"cpu_seconds", r.cpu_seconds},
            {"switches", r.switches},     {"p50_us", r.p50_us},     {"p99_us", r.p99_us},
            {"p999_us", r.p999_us},       {"p9999_us", r.p9999_us}, {"calls", r.calls}};
}

std::expected<file_result, std::string> file_result_from(const nlohmann::json& from) {
    file_result r;
    try {
        from.at("operations").get_to(r.operations);
        from.at("seconds").get_to(r.seconds);
        from.at("cpu_seconds").get_to(r.cpu_seconds);
        from.at("switches").get_to(r.switches);
        from.at("p50_us").get_to(r.p50_us);
        from.at("p99_us").get_to(r.p99_us);
        from.at("p999_us").get_to(r.p999_us);
        from.at("p9999_us").get_to(r.p9999_us);
        from.at("calls").get_to(r.calls);
    } catch (const nlohmann::json::exception& wrong) {
        return std::unexpected(wrong.what());
    }
    return r;
}

}  // namespace iobench

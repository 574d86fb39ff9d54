#include "workloads/file_experiments.hpp"

#include "contenders/files/experiment.hpp"
#include "contenders/files/file_contenders.hpp"
#include "contenders/files/storage.hpp"
#include "process/child.hpp"

#include <algorithm>
#include <utility>

namespace iobench {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t bytes_in_all = 64 * mebibyte;

struct place {
    point at;
    scale from = scale::quick;  ///< the smallest scale that it is part of
    bool needs_disk = false;
};

/// A workload whose trials are those of an experiment, which puts the cache in order itself.
class experiment_workload : public workload {
  public:
    experiment_workload(description text, experiment what, std::size_t files, std::vector<place> places)
        : text_(std::move(text)), what_(std::move(what)), files_(files), places_(std::move(places)) {}

    const description& about() const override { return text_; }

    std::vector<point> points(scale much) const override {
        std::vector<point> all;
        for (const place& one : places_) {
            if (one.from <= much) all.push_back(one.at);
        }
        return all;
    }

    std::vector<contender> contenders() const override {
        const auto known = own_file_contenders();
        std::vector<contender> all;
        for (const std::string& name : what_.contenders) {
            const auto found = std::ranges::find_if(known, [&](const auto& one) { return one.who.name == name; });
            all.push_back({name, name.starts_with("penstock/") ? group::penstock : group::bare,
                           found == known.end() ? "" : found->who.unavailable});
        }
        return all;
    }

    std::string left_out(const contender&, const point& at) const override {
        for (const place& one : places_) {
            if (one.at.name == at.name && one.needs_disk) return no_disk();
        }
        return {};
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        const auto files = data_files::of(files_, bytes_in_all / files_);
        if (!files) return std::unexpected(files.error());
        (*files)->read_into_cache();
        const experiment_setup setup{.contender = who.name,
                                     .point = at.name,
                                     .paths = (*files)->paths(),
                                     .bytes = (*files)->bytes(),
                                     .seed = (*files)->seed(),
                                     .seconds = each.length.count()};
        auto process =
            child::in_role({"file-experiment", std::string(what_.name), to_json(setup).dump()}, core::server);
        if (!process) return std::unexpected(process.error());
        const auto said = process->read_line(std::chrono::duration<double>(setup.seconds + 60));
        if (!said) return std::unexpected(said.error());
        const auto taken = nlohmann::json::parse(*said, nullptr, false);
        if (!taken.is_object()) return std::unexpected("it said " + *said);
        return taken.get<sample>();
    }

  private:
    description text_;
    experiment what_;
    std::size_t files_;
    std::vector<place> places_;
};

}  // namespace

std::shared_ptr<workload> submit_blocks_workload() {
    return std::make_shared<experiment_workload>(
        description{.name = "submit-blocks",
                    .title = "does submitting block? 32 reads of 4 KiB in one call",
                    .says = "The time in the call that submits, as a share of the time until all is done. Near 100 % "
                            "means that the work was done there and then, while the program that wanted not to wait "
                            "has waited. Cold is after POSIX_FADV_DONTNEED; /dev/zero is one read of 64 MiB.",
                    .metrics = {{"submit_share", "time spent in submitting", "%"},
                                {"submit_us", "in the call that submits", "µs"},
                                {"done_us", "until all is done", "µs"},
                                {"cpu_us", "CPU per batch", "µs"}}},
        submit_blocks_experiment(), 1,
        std::vector<place>{{{"O_DIRECT"}, scale::quick, true},
                           {{"cache hot"}, scale::survey},
                           {{"cache cold"}, scale::quick, true},
                           {{"/dev/zero, 64 MiB"}, scale::survey}});
}

std::shared_ptr<workload> buffers_workload() {
    return std::make_shared<experiment_workload>(
        description{.name = "buffers",
                    .title = "one or 16 descriptors, one or 16 buffers of 4 KiB each",
                    .says = "What a KiB from the page cache costs when it is asked for by a call for each buffer "
                            "(pread), for each descriptor (preadv), or in one batch of either (PREAD and PREADV by "
                            "io_submit, READ and READV by io_uring).",
                    .metrics = {{"cpu_ns", "CPU per KiB", "ns"},
                                {"calls", "system calls per KiB", ""},
                                {"mib_s", "throughput", "MiB/s", false}}},
        buffers_experiment(), 1,
        std::vector<place>{{{"1 descriptor, 1 buffer"}, scale::quick},
                           {{"1 descriptor, 16 buffers"}, scale::survey},
                           {{"16 descriptors, 1 buffer"}, scale::survey},
                           {{"16 descriptors, 16 buffers"}, scale::quick}});
}

std::shared_ptr<workload> prewarm_workload() {
    return std::make_shared<experiment_workload>(
        description{.name = "prewarm",
                    .title = "64 files of 1 MiB each, opened and read whole by a loop",
                    .says = "How long the loop's thread was away at most, which is what all connections of that loop "
                            "would wait: plain reads sleep on the disk; POSIX_FADV_WILLNEED and readahead(2), asked "
                            "for eight files ahead, are the older ways around that, and so is a thread pool. The disk "
                            "is asked for all of it (POSIX_FADV_DONTNEED before each trial) where it says cold. "
                            "Penstock's figure is how late a timer of 1 ms was.",
                    .metrics = {{"stall_us", "longest absence of the loop", "µs"},
                                {"mib_s", "throughput", "MiB/s", false},
                                {"cpu_us", "CPU per MiB", "µs"}}},
        prewarm_experiment(), 64,
        std::vector<place>{{{"cache cold"}, scale::quick, true}, {{"cache hot"}, scale::full}});
}

}  // namespace iobench

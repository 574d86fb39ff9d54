// A file job by name of who does it.
#pragma once

#include "contenders/files/file_job.hpp"
#include "model/workload.hpp"

#include <expected>
#include <functional>
#include <string>
#include <vector>

namespace iobench {

/// All who can: penstock, bare and fio.
std::vector<contender> file_contender_names();
/// Those of them that can do file_job::sync.
std::vector<contender> sync_contender_names();
/// Why one has no business at this depth; empty if it has.
/// io_uring's features, one by one.
std::vector<contender> ring_feature_contender_names();

std::string left_out_at(const contender&, unsigned depth);

/// Has it done in a process of its own, on the core of what is measured. `prepare` is called when all is set up and
/// before time begins (with fio: before it starts): what the page cache should hold is put in order there.
std::expected<file_result, std::string> run_file_job(const contender&, const file_job&,
                                                     const std::function<void()>& prepare);

}  // namespace iobench

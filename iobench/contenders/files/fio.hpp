// fio, the yardstick of those who measure disks: the same job by its engines.
#pragma once

#include "contenders/files/file_job.hpp"
#include "model/workload.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace iobench {

/// fio/io_uring, fio/libaio, fio/psync, fio/posixaio. With its defaults, but for what the job says. psync has as many
/// processes as requests may be under way.
std::vector<contender> fio_contenders();

/// The command line that makes fio do the job.
std::vector<std::string> fio_command(std::string_view engine, const file_job&);
/// What fio said in JSON, whatever it said before that.
std::expected<file_result, std::string> read_fio_report(std::string_view said, bool write);
/// Does it: in a process of its own, on the core of what is measured.
std::expected<file_result, std::string> run_fio(std::string_view engine, const file_job&);

}  // namespace iobench

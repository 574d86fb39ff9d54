// Who can carry out a file job: penstock by each of its ways to files, the bare calls, and fio.
#pragma once

#include "contenders/files/file_job.hpp"
#include "contenders/files/file_work.hpp"
#include "model/workload.hpp"
#include "process/roles.hpp"

#include <functional>
#include <string>
#include <vector>

namespace iobench {

struct file_contender {
    contender who;
    /// Sets everything up, calls begin(), and returns after the last request has ended. Runs in a process of its own;
    /// ends that by give_up() when something is wrong.
    std::function<void(file_work&)> carry_out;
    /// Has one request under way and no more: it takes part at depth 1 only.
    bool one_at_a_time = false;
    /// Can do file_job::sync, too.
    bool syncs = true;
};

std::vector<file_contender> penstock_file_contenders();
std::vector<file_contender> bare_file_contenders();
/// A plain ring and what its features add: "bare/ring", "bare/ring+files". Of the workload that compares them.
std::vector<file_contender> ring_feature_file_contenders();
/// All that run as a child of this program; not fio.
std::vector<file_contender> own_file_contenders();

/// `file-job NAME JSON`: says `ready`, waits for a line, does the job, and says what came of it in a line of JSON.
role file_job_role();

// --- Bare, one mechanism each ---------------------------------------------------------------------------------------

void read_with_pread(file_work&);            ///< pread(2) in one thread
void read_with_threads(file_work&);          ///< a thread for each request under way, with pread(2)
void read_with_posix_aio(file_work&);        ///< aio_read(3) and aio_suspend(3)
void read_with_io_submit(file_work&);        ///< native AIO by raw system calls
void read_with_libaio(file_work&);           ///< native AIO by libaio
void read_with_liburing(file_work&);         ///< io_uring by liburing
void read_with_raw_ring(file_work&);         ///< io_uring by its two system calls and shared memory
void read_with_registered_ring(file_work&);  ///< the same, files and buffers registered before

/// Whether libaio was there when iobench was built.
bool has_libaio() noexcept;

}  // namespace iobench

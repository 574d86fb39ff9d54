// Files: random and sequential reads, one file and many.
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

/// Random reads of 4 KiB over the depth of the queue: O_DIRECT, from the page cache, and from a cache that is empty.
std::shared_ptr<workload> files_random_direct_workload();
std::shared_ptr<workload> files_random_hot_workload();
std::shared_ptr<workload> files_random_cold_workload();
/// Reads and writes of 128 KiB, one behind the other.
std::shared_ptr<workload> files_sequential_workload();
/// The same random reads from one file and from 64.
std::shared_ptr<workload> files_many_workload();

/// Random reads by a plain ring, and by the same with registered files, buffers and pollers.
std::shared_ptr<workload> ring_files_workload();

/// Appending 4 KiB and making it durable.
std::shared_ptr<workload> fsync_workload();

}  // namespace iobench

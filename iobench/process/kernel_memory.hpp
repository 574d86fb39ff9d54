// What the kernel keeps for sockets and watches, as far as it tells.
#pragma once

#include <optional>

namespace iobench {

/// Bytes, of the whole machine: what other programs do at the same time is in them, too.
struct kernel_memory {
    std::optional<double> slabs;     ///< of /proc/slabinfo, object by object; mostly for root only
    std::optional<double> slab_sum;  ///< `Slab` of /proc/meminfo, by whole pages
};

kernel_memory read_kernel_memory();

}  // namespace iobench

// Which core a thread of a primitive runs on.
#pragma once

#include <sched.h>

namespace iobench {

/// How many cores this process may use.
inline int cores_allowed() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    return ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

/// Keeps the calling thread to the index-th core that it may use; the last one if there are fewer.
inline void stay_on_core(int index) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && index >= 0; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        --index;
    }
    ::sched_setaffinity(0, sizeof one, &one);
}

}  // namespace iobench

#include "recommend/scenario.hpp"

#include <algorithm>
#include <array>

namespace iobench {

const std::vector<scenario>& scenarios() {
    static const std::vector<scenario> all = {
        {"socket-only server",
         "many connections, small messages, no files",
         {{"echo", "", 256, "connections"}},
         allowed::all,
         "very many idle connections (iobench run idle), large messages (iobench run sizes)"},
        {"network and files",
         "a server that reads files in the same loop",
         {{"mixed", "4 KiB reads, O_DIRECT"}, {"mixed", "4 KiB reads, cache hot"}},
         allowed::all,
         "files that are mostly not in the page cache (iobench run mixed --full)"},
        {"O_DIRECT database",
         "random pages past the page cache, tens of requests under way",
         {{"files-random-direct", "", 32, "requests under way"}},
         allowed::all,
         "another disk: a slow one hides the CPU, a fast one shows it"},
        {"fast NVMe",
         "as many requests under way as the disk takes",
         {{"files-random-direct", "", 128, "requests under way"}},
         allowed::all,
         "a disk with poll queues, on which io_uring can poll for completions"},
        {"simple buffered files",
         "one read at a time, mostly from the page cache",
         {{"files-random-hot", "", 1, "request under way"}},
         allowed::all,
         "files that are not in the page cache (iobench run files-random-cold)"},
        {"portable program",
         "it is to run on any POSIX system: poll, select, threads",
         {{"echo", "", 32, "connections"}},
         allowed::posix,
         "more connections: poll and select look at all of them each time"},
        {"old or hardened host",
         "io_uring is not there, or forbidden",
         {{"echo", "", 256, "connections"}},
         allowed::without_io_uring,
         "io_uring being allowed after all"},
        {"few connections",
         "a program that mostly computes, and waits now and then",
         {{"echo", "", 1, "connection"}},
         allowed::all,
         "more connections than the machine has threads to give"},
    };
    return all;
}

bool may_use(allowed which, const std::string& mechanism) {
    constexpr std::array posix = {"poll", "select", "threads", "poll+posix_aio", "posix_aio"};
    if (which == allowed::without_io_uring) return mechanism.find("io_uring") == std::string::npos;
    return which == allowed::all || std::ranges::find(posix, mechanism) != posix.end();
}

}  // namespace iobench

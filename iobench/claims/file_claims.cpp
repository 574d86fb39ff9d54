#include "claims/parts.hpp"

namespace iobench {

namespace {

constexpr const char* facts = "tests/integration/kernel_facts.py";

place reads(const char* cache, const char* depth, const char* contender) {
    return {std::string("files-random-") + cache, depth, contender, "iops"};
}

/// How many times the operations per second of `other` a contender has.
quantity iops(const char* label, const char* cache, const char* contender, const char* other, double low, double high) {
    return {.label = label,
            .as = form::ratio,
            .of = reads(cache, "32", contender),
            .to = reads(cache, "32", other),
            .low = low,
            .high = high};
}

place polled(const char* metric) {
    return {"ring-files", "O_DIRECT, 1 under way", "bare/ring+files+buffers+sqpoll+iopoll", metric};
}

/// What one call for many costs of a call for each.
quantity many(const char* label, const char* point, const char* contender) {
    return {.label = label,
            .as = form::ratio,
            .of = {"buffers", point, contender, "cpu_ns"},
            .to = {"buffers", point, "bare/read", "cpu_ns"},
            .low = 0,
            .high = 0.98};
}

constexpr double endless = std::numeric_limits<double>::infinity();

}  // namespace

std::vector<claim> file_claims() {
    return {
        {.id = "files-always-ready",
         .source = "001",
         .says = "epoll says that regular files are always ready",
         .fact = {.is = ruling::does_not,
                  .by = facts,
                  .named = "select_and_poll_call_a_regular_file_ready_and_epoll_refuses_it",
                  .shows = "epoll_ctl answers EPERM; it is select and poll that say so"}},
        {.id = "posix-aio-threads",
         .source = "001, 002",
         .says = "POSIX AIO is a thread pool",
         .figures = {{.label = "IOPS from 64 files to those from one, O_DIRECT",
                      .as = form::ratio,
                      .of = {"files-many", "64 files, O_DIRECT", "bare/posix_aio", "iops"},
                      .to = {"files-many", "1 file, O_DIRECT", "bare/posix_aio", "iops"},
                      .low = 1.2}},
         .fact = {.is = ruling::holds,
                  .by = facts,
                  .named = "posix_aio_runs_one_request_at_a_time_per_descriptor",
                  .shows = "twenty threads of the C library, one request at a time for each descriptor"}},
        {.id = "linux-aio-direct-only",
         .source = "000, 001, 004",
         .says = "Linux AIO is asynchronous only with O_DIRECT; with buffered files io_submit does all the work",
         .figures = {iops("buffered, cold: io_submit to io_uring, IOPS at depth 32", "cold", "bare/linux_aio",
                          "bare/io_uring", 0, 0.7),
                     iops("O_DIRECT: io_submit to io_uring, IOPS at depth 32", "direct", "bare/linux_aio",
                          "bare/io_uring", 0.9, endless)},
         .fact = {.is = ruling::holds,
                  .by = facts,
                  .named = "buffered_reads_are_done_inside_io_submit",
                  .shows = "a read of /dev/zero is over when io_submit returns"}},
        {.id = "aio-fsync",
         .source = "001",
         .says = "AIO fsync is rarely asynchronous",
         .fact = {.is = ruling::does_not,
                  .by = "examples/models/aio-test.cpp",
                  .named = "IOCB_CMD_FSYNC",
                  .shows = "`aio-test fsync FILE`: io_submit returns after microseconds and a worker of the kernel "
                           "syncs (since Linux 4.18; before, it was refused)"}},
        {.id = "iopoll-nvme",
         .source = "001",
         .says = "IOPOLL and SQPOLL on NVMe: 50 to 100 µs with no system call",
         .figures =
             {{.label = "latency of a read, median", .unit = "µs", .of = polled("p50_us"), .low = 50, .high = 100},
              {.label = "system calls per read", .of = polled("calls"), .low = 0, .high = 0.01}},
         .cannot = "it takes an NVMe disk with poll queues (nvme.poll_queues)"},
        {.id = "one-or-many",
         .source = "000",
         .says = "readv takes many buffers of one descriptor in a call; a batch of PREAD or PREADV takes many "
                 "descriptors, too, and saves",
         .figures = {many("preadv to pread, CPU per KiB, 1 descriptor, 16 buffers", "1 descriptor, 16 buffers",
                          "bare/readv"),
                     many("PREAD batch to pread, 16 descriptors, 1 buffer", "16 descriptors, 1 buffer",
                          "bare/linux_aio-pread"),
                     many("PREADV batch to pread, 16 of each", "16 descriptors, 16 buffers", "bare/linux_aio-preadv"),
                     many("io_uring READV batch to pread, 16 of each", "16 descriptors, 16 buffers",
                          "bare/io_uring-readv")},
         .note = "`iobench run buffers` has the whole table of two by two."},
    };
}

}  // namespace iobench

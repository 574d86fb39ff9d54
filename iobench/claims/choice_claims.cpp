#include "claims/parts.hpp"

namespace iobench {

std::vector<claim> choice_claims() {
    constexpr double endless = std::numeric_limits<double>::infinity();
    return {
        {.id = "choose-sockets",
         .source = "001, 002",
         .says = "choose epoll for a server with sockets only",
         .figures = {{.label = "epoll to io_uring with penstock, CPU per message at 256 connections",
                      .as = form::ratio,
                      .of = {"echo", "256", "penstock/epoll", "cpu_us"},
                      .to = {"echo", "256", "penstock/io_uring", "cpu_us"},
                      .high = 1.02}}},
        {.id = "choose-direct",
         .source = "001, 002",
         .says = "choose io_uring for a database with O_DIRECT",
         .figures = {{.label = "io_uring to io_submit, IOPS at depth 32",
                      .as = form::ratio,
                      .of = {"files-random-direct", "32", "bare/io_uring", "iops"},
                      .to = {"files-random-direct", "32", "bare/linux_aio", "iops"},
                      .low = 0.98,
                      .high = endless},
                     {.label = "io_uring to POSIX AIO, IOPS at depth 32",
                      .as = form::ratio,
                      .of = {"files-random-direct", "32", "bare/io_uring", "iops"},
                      .to = {"files-random-direct", "32", "bare/posix_aio", "iops"},
                      .low = 0.98,
                      .high = endless}}},
        {.id = "choose-simple-files",
         .source = "001, 002",
         .says = "choose plain calls and threads for simple files",
         .figures = {{.label = "threads to io_uring, cache hot, IOPS at depth 32",
                      .as = form::ratio,
                      .of = {"files-random-hot", "32", "bare/threads", "iops"},
                      .to = {"files-random-hot", "32", "bare/io_uring", "iops"},
                      .low = 0.98,
                      .high = endless}}},
        {.id = "choose-few-connections",
         .source = "001, 002",
         .says = "choose threads for few connections",
         .figures = {{.label = "threads to epoll, CPU per message at 32 connections",
                      .as = form::ratio,
                      .of = {"echo", "32", "bare/threads", "cpu_us"},
                      .to = {"echo", "32", "bare/epoll", "cpu_us"},
                      .high = 1.02}}},
    };
}

}  // namespace iobench

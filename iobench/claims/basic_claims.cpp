#include "claims/parts.hpp"

namespace iobench {

namespace {

place step(const char* name, const char* metric) { return {"primitives", name, "machine", metric}; }
place asking(const char* count, const char* contender) { return {"readiness", count, contender, "cpu_ns"}; }
place echo(const char* contender, const char* metric) { return {"echo", "256", contender, metric}; }

}  // namespace

std::vector<claim> basic_claims() {
    return {
        {.id = "syscall-cost",
         .source = "002",
         .says = "a system call costs about 150 ns, a context switch 200 ns to 1.5 µs",
         .figures =
             {{.label = "system call", .unit = "ns", .of = step("system call", "cpu_ns"), .low = 75, .high = 300},
              {.label = "context switch",
               .unit = "ns",
               .of = step("context switch", "cpu_ns"),
               .low = 200,
               .high = 1500}}},
        {.id = "readiness-scaling",
         .source = "002",
         .says = "select and poll cost O(N) per call, epoll O(ready)",
         .figures = {{.label = "poll, per descriptor",
                      .unit = "ns",
                      .as = form::slope,
                      .of = asking("1", "bare/poll"),
                      .to = asking("1000", "bare/poll"),
                      .low = 5},
                     {.label = "select, per descriptor",
                      .unit = "ns",
                      .as = form::slope,
                      .of = asking("1", "bare/select"),
                      .to = asking("1000", "bare/select"),
                      .low = 5},
                     {.label = "epoll, per descriptor",
                      .unit = "ns",
                      .as = form::slope,
                      .of = asking("1", "bare/epoll"),
                      .to = asking("1000", "bare/epoll"),
                      .high = 1},
                     {.label = "poll, a call with 100,000 (extrapolated)",
                      .unit = "ms",
                      .as = form::slope,
                      .of = asking("1", "bare/poll"),
                      .to = asking("1000", "bare/poll"),
                      .scale = 0.1,  // 100,000 times, in milliseconds
                      .judged = false}}},
        {.id = "calls-per-event",
         .source = "002",
         .says = "system calls per event: poll, select and epoll 1 + 1 or 2, io_uring 1 per batch, SQPOLL 0",
         .figures = {{.label = "epoll, per message", .of = echo("bare/epoll", "calls"), .low = 2, .high = 3},
                     {.label = "poll, per message", .of = echo("bare/poll", "calls"), .low = 2, .high = 3},
                     {.label = "select, per message", .of = echo("bare/select", "calls"), .low = 2, .high = 3},
                     {.label = "io_uring, per message", .of = echo("bare/io_uring", "calls"), .high = 1},
                     {.label = "io_uring with SQPOLL, per message, 32 connections",
                      .of = {"ring-sockets", "64 bytes", "bare/ring+sqpoll", "calls"},
                      .high = 0.005}},
         .note = "A message is received and sent; the question for readiness is shared by all that are ready. With "
                 "SQPOLL submitting takes no call; waiting, when nothing has come, still does."},
        {.id = "batching-saves",
         .source = "002, 003",
         .says = "epoll needs two calls per event; batching saves 30 to 50 % of the cost",
         .figures = {{.label = "io_uring to epoll, CPU per message",
                      .as = form::ratio,
                      .of = echo("bare/io_uring", "cpu_us"),
                      .to = echo("bare/epoll", "cpu_us"),
                      .low = 0.5,
                      .high = 0.7},
                     {.label = "io_submit to epoll, CPU per message",
                      .as = form::ratio,
                      .of = echo("bare/linux_aio", "cpu_us"),
                      .to = echo("bare/epoll", "cpu_us"),
                      .low = 0.5,
                      .high = 0.7},
                     {.label = "an empty request among 32, to one alone",
                      .as = form::ratio,
                      .of = step("io_uring nop, 32 at a time", "cpu_ns"),
                      .to = step("io_uring nop, one at a time", "cpu_ns"),
                      .judged = false}},
         .note = "Batches save calls, and calls are a small part of a message: the rest is TCP."},
        {.id = "epoll-wait-cost",
         .source = "002",
         .says = "epoll_wait costs about 10 µs, polling a completion queue 1 to 5 µs",
         .figures = {{.label = "epoll_wait with one ready",
                      .unit = "ns",
                      .of = step("epoll_wait with one ready", "cpu_ns"),
                      .low = 5000,
                      .high = 20000},
                     {.label = "a look at the completion queue",
                      .unit = "ns",
                      .of = step("look at an empty completion queue", "cpu_ns"),
                      .low = 1000,
                      .high = 5000}}},
    };
}

}  // namespace iobench

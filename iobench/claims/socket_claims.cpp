#include "claims/parts.hpp"

namespace iobench {

namespace {

place echo(const char* connections, const char* contender, const char* metric) {
    return {"echo", connections, contender, metric};
}

place storm(const char* contender, const char* metric) { return {"accept", "4 workers", contender, metric}; }

place ring(const char* size, const char* contender, const char* metric) {
    return {"ring-sockets", size, contender, metric};
}

/// What a feature of io_uring gains, on sockets.
quantity gain(const char* label, const char* size, const char* contender) {
    return {.label = label,
            .as = form::ratio,
            .of = ring(size, contender, "cpu_us"),
            .to = ring(size, "bare/ring", "cpu_us"),
            .low = 0,
            .high = 0.98};
}

place crowd(const char* connections, const char* contender, const char* metric) {
    return {"threads", connections, contender, metric};
}

place triggers(const char* contender, const char* metric) { return {"triggers", "32", contender, metric}; }

quantity to_epoll(const char* label, const char* connections, const char* contender, const char* metric) {
    return {.label = label,
            .as = form::ratio,
            .of = echo(connections, contender, metric),
            .to = echo(connections, "bare/epoll", metric)};
}

quantity within(quantity of, double low, double high) {
    of.low = low;
    of.high = high;
    return of;
}

quantity only_shown(quantity of) {
    of.judged = false;
    return of;
}

/// What a feature of io_uring gains, on files.
quantity disk_gain(const char* label, const char* contender) {
    constexpr const char* point = "O_DIRECT, 32 under way";
    return within({.label = label,
                   .as = form::ratio,
                   .of = {"ring-files", point, contender, "cpu_us"},
                   .to = {"ring-files", point, "bare/ring", "cpu_us"}},
                  0, 0.98);
}

quantity fine(const char* label, const char* connections) {
    return within({.label = label,
                   .as = form::ratio,
                   .of = crowd(connections, "bare/threads", "cpu_us"),
                   .to = crowd(connections, "bare/epoll", "cpu_us")},
                  0, 1.5);
}

quantity million(const char* label, const char* contender, const char* metric) {
    return {.label = label, .unit = "GiB", .of = {"idle", "5000", contender, metric}, .scale = 1e6 / (1 << 30)};
}

constexpr double endless = std::numeric_limits<double>::infinity();
constexpr const char* facts = "tests/integration/kernel_facts.py";

}  // namespace

std::vector<claim> socket_claims() {
    return {
        {.id = "uring-throughput",
         .source = "002",
         .says = "io_uring has 2 to 5 times the throughput of epoll for small operations",
         .figures = {within(to_epoll("rate at 32 connections", "32", "bare/io_uring", "rate"), 2, 5),
                     within(to_epoll("rate at 256 connections", "256", "bare/io_uring", "rate"), 2, 5)}},
        {.id = "edge-or-level",
         .source = "002",
         .says = "edge-triggered is the most efficient, level-triggered the noisier",
         .figures = {within({.label = "level to edge, CPU per message",
                             .as = form::ratio,
                             .of = triggers("bare/epoll:level", "cpu_us"),
                             .to = triggers("bare/epoll", "cpu_us")},
                            1.02, endless),
                     within({.label = "oneshot to edge, CPU per message",
                             .as = form::ratio,
                             .of = triggers("bare/epoll:oneshot", "cpu_us"),
                             .to = triggers("bare/epoll", "cpu_us")},
                            1.02, endless),
                     only_shown({.label = "waits per message, edge", .of = triggers("bare/epoll", "waits")}),
                     only_shown({.label = "waits per message, level", .of = triggers("bare/epoll:level", "waits")}),
                     only_shown({.label = "epoll_ctl per message, oneshot",
                                 .of = triggers("bare/epoll:oneshot", "epoll_ctl")})}},
        {.id = "accept-once-per-edge",
         .source = "002",
         .says = "accepting once per edge strands the other N − 1 connections",
         .fact = {.is = ruling::holds,
                  .by = facts,
                  .named = "accepting_once_per_edge_strands_the_rest",
                  .shows = "the next edge comes with the next connection, and takes one of the stranded"}},
        {.id = "listener-in-two-epolls",
         .source = "002",
         .says = "one listener in two epolls wakes both",
         .figures = {only_shown({.label = "wake-ups per connection, 4 workers, shared",
                                 .of = storm("bare/epoll shared", "waits")}),
                     only_shown({.label = "the same, exclusive", .of = storm("bare/epoll exclusive", "waits")})},
         .fact = {.is = ruling::holds,
                  .by = facts,
                  .named = "one_connection_wakes_all_epolls_of_a_listener_but_not_with_epollexclusive",
                  .shows = "one connection wakes all of four; with EPOLLEXCLUSIVE not"}},
        {.id = "reuseport-round-robin",
         .source = "002",
         .says = "SO_REUSEPORT cures it and spreads the connections round-robin",
         .figures = {within(
                         {.label = "busiest of 4 workers to the mean", .of = storm("bare/epoll reuseport", "balance")},
                         1, 1.001),
                     only_shown({.label = "share stranded while one worker stalls, reuseport",
                                 .of = storm("bare/epoll reuseport", "stranded")}),
                     only_shown({.label = "the same, shared", .of = storm("bare/epoll shared", "stranded")})},
         .fact = {.is = ruling::does_not,
                  .by = facts,
                  .named = "so_reuseport_hashes_and_strands_the_queue_of_who_does_not_accept",
                  .shows = "it cures it, but it hashes; the queue of a worker that stalls is stranded"}},
        {.id = "sigio-loses",
         .source = "002",
         .says = "signal-driven I/O loses events when signals coalesce",
         .figures = {{.label = "lost with a queue of 64 signals, bare",
                      .of = {"overflow", "64 signals", "bare/sigio", "lost"},
                      .low = 1},
                     {.label = "lost with a queue of 64 signals, penstock",
                      .of = {"overflow", "64 signals", "penstock/sigio", "lost"},
                      .low = 1},
                     only_shown({.label = "overflows per burst",
                                 .of = {"overflow", "64 signals", "penstock/sigio", "overflows"}})},
         .note = "Real-time signals do not coalesce; when their queue is full the kernel says SIGIO, and who then asks "
                 "every descriptor loses nothing."},
        {.id = "io-submit-on-sockets",
         .source = "000",
         .says = "io_submit on a blocking socket hangs, on a non-blocking one answers EAGAIN",
         .fact = {.is = ruling::holds,
                  .by = facts,
                  .named = "io_submit_on_a_blocking_socket_blocks_and_on_a_non_blocking_one_answers_eagain",
                  .shows = "both, as said"}},
        {.id = "io-submit-in-order",
         .source = "000",
         .says = "io_submit runs requests in order, so a write and the read behind it share one",
         .fact = {.is = ruling::holds,
                  .by = facts,
                  .named = "io_submit_runs_socket_requests_in_order_so_a_write_and_the_read_behind_it_share_one",
                  .shows = "as said; the forwarder of examples/models lives on it"}},
        {.id = "io-submit-replaces-epoll",
         .source = "000",
         .says = "io_submit can replace epoll, and is a tiny bit faster than read and write",
         .figures = {within(to_epoll("io_submit to epoll, CPU per message", "256", "bare/linux_aio", "cpu_us"), 0.9,
                            0.999),
                     within(to_epoll("the same at 32 connections", "32", "bare/linux_aio", "cpu_us"), 0.9, 0.999)}},
        {.id = "thread-per-connection",
         .source = "002",
         .says = "a thread per connection is fine to 5,000 or 10,000 connections",
         .figures = {fine("threads to epoll at 1,000 connections, CPU per message", "1000"), fine("at 5,000", "5000"),
                     only_shown({.label = "context switches per message at 5,000",
                                 .of = crowd("5000", "bare/threads", "switches")}),
                     only_shown({.label = "memory of the server per connection at 5,000",
                                 .unit = "KiB",
                                 .of = crowd("5000", "bare/threads", "bytes_per_connection"),
                                 .scale = 1.0 / 1024})},
         .note = "Fine is taken as: at most half as much again as epoll."},
        {.id = "strace-cost",
         .source = "002",
         .says = "strace costs a busy server 2 to 5 %",
         .figures = {within({.label = "CPU per message under strace to that without",
                             .as = form::ratio,
                             .of = {"traced", "32 connections", "bare/epoll+strace", "cpu_us"},
                             .to = {"traced", "32 connections", "bare/epoll", "cpu_us"}},
                            1.02, 1.05)}},
        {.id = "million-connections",
         .source = "002",
         .says = "about a million connections per epoll instance",
         .figures = {only_shown(
                         million("user memory for a million, bare epoll (extrapolated)", "bare/epoll", "user_bytes")),
                     only_shown(million("the same, penstock on epoll", "penstock/epoll", "user_bytes")),
                     only_shown(million("the kernel's for both ends (extrapolated)", "bare/epoll", "slab_bytes")),
                     only_shown({.label = "CPU per message with 5,000 idle to that with none",
                                 .as = form::ratio,
                                 .of = {"idle", "5000", "bare/epoll", "cpu_us"},
                                 .to = {"idle", "0", "bare/epoll", "cpu_us"}})},
         .cannot = "it takes a million descriptors; what is shown is what memory they would take"},
        {.id = "uring-extras",
         .source = "002, 003",
         .says = "registered buffers, registered files, zero-copy and SQPOLL each gain; an idle SQPOLL burns a CPU",
         .figures = {gain("registered files, CPU per message of 64 bytes", "64 bytes", "bare/ring+files"),
                     gain("registered buffers, the same", "64 bytes", "bare/ring+buffers"),
                     gain("zero-copy sends, messages of 16 KiB", "16 KiB", "bare/ring+zero-copy"),
                     gain("SQPOLL, 64 bytes, the poller's CPU included", "64 bytes", "bare/ring+sqpoll"),
                     disk_gain("registered files, CPU per read, O_DIRECT", "bare/ring+files"),
                     disk_gain("registered buffers, the same", "bare/ring+buffers"),
                     disk_gain("SQPOLL, the same", "bare/ring+sqpoll"),
                     within({.label = "cores that an idle SQPOLL burns",
                             .of = ring("64 bytes", "bare/ring+sqpoll", "idle_cores")},
                            0.9, 1.1)},
         .note = "On the loopback a zero-copy send is copied after all. The poller sleeps when it was idle for a while "
                 "(sq_thread_idle)."},
    };
}

}  // namespace iobench

// Waiting for what the program reads, writes or asks itself: a descriptor, a child process.
#pragma once

#include <penstock/detail/requests.hpp>
#include <penstock/result.hpp>
#include <penstock/task.hpp>

#include <cstdint>

namespace penstock {

using ready_sides = detail::ready_sides;

/// Ends when `descriptor` is readable (poll(2), POLLIN), or its other side has gone or an error is pending; takes
/// nothing from it. For an epoll instance of the program that is when epoll_wait(2) would bring something, for a pidfd
/// when the process has ended; a regular file is ready at once. The descriptor stays the program's, must stay open
/// until the await ends, and must not be adopted on this loop at the same time.
/// Errors: bad_file_descriptor, operation_canceled; operation_not_supported in a world of a backend's own.
task<result<ready_sides>> wait_readable(int descriptor);
/// The same for POLLOUT.
task<result<ready_sides>> wait_writable(int descriptor);

/// How a child process has ended; wait(2).
struct child_end {
    bool by_signal = false;
    int status = 0;  ///< exit status, or the number of the signal
};

/// Ends when the child `process` of this process has ended, and takes its status, so that it is no zombie any more. If
/// it is cancelled the child goes on, or its status stays to be taken. waitid(2), pidfd_open(2).
/// Errors: no_child_process if it is not, or if somebody has waited for it; operation_canceled.
task<result<child_end>> wait_for_child(std::int32_t process);

}  // namespace penstock

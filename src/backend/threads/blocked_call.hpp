// One operation as a worker sees it: the plain blocking call, repeated until it answers or is given up.
#pragma once

#include <penstock/operation.hpp>

#include <atomic>
#include <cstdint>
#include <span>

namespace penstock::detail {

/// What a worker is to do, and what came of it. The loop fills in `op` and `memory` before it hands this over
/// and reads the outcome after it got it back. In between, the worker reads of an accept, receive or read
/// nothing but its kind and handle, since the loop's thread may be taking earlier deliveries out of it at the
/// same time.
struct blocked_call {
    operation* op = nullptr;
    std::span<std::byte> memory;          ///< of a read: where the bytes go
    std::int32_t result = 0;              ///< as of call(); of a receive only whether recv() has something to say
    handle accepted;                      ///< of an accept that succeeded
    accept_op one_accept{handle{}, 1};    ///< stands in for the program's, see above
    std::atomic<bool> cancelled = false;  ///< set by the loop; noticed before each system call and when one is left
};

/// Makes the call on this thread and leaves the outcome in it. Answers -ECANCELED if `cancelled` was set and
/// no result came first.
void run(blocked_call& work) noexcept;

}  // namespace penstock::detail

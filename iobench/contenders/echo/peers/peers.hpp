// What users would otherwise pick, each in a file of its own and only there if its headers were when this was built
// (IOBENCH_HAS_..., see CMakeLists.txt).
#pragma once

namespace iobench {

/// Serves connections of a listening TCP socket until the process is ended.
using peer_server = void(int listener);

#if IOBENCH_HAS_ASIO
peer_server echo_with_asio_epoll;
peer_server echo_with_asio_io_uring;
#else
inline constexpr peer_server* echo_with_asio_epoll = nullptr;
inline constexpr peer_server* echo_with_asio_io_uring = nullptr;
#endif

#if IOBENCH_HAS_LIBUV
peer_server echo_with_libuv;
#else
inline constexpr peer_server* echo_with_libuv = nullptr;
#endif

#if IOBENCH_HAS_LIBEVENT
peer_server echo_with_libevent;
#else
inline constexpr peer_server* echo_with_libevent = nullptr;
#endif

}  // namespace iobench

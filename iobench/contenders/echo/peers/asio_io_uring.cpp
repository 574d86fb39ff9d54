#if IOBENCH_HAS_ASIO

#define asio asio_with_io_uring  // NOLINT(readability-identifier-naming): see asio_echo.hpp
// What Asio declares extern "C" is in no namespace.
#define asio_detail_posix_thread_function asio_with_io_uring_thread_function
#define asio_signal_handler asio_with_io_uring_signal_handler
#define ASIO_HAS_IO_URING 1
#define ASIO_DISABLE_EPOLL 1

#include "contenders/echo/peers/asio_echo.hpp"
#include "contenders/echo/peers/peers.hpp"

namespace iobench {

void echo_with_asio_io_uring(int listener) { echo_with_asio(listener); }

}  // namespace iobench

#endif

#if IOBENCH_HAS_ASIO

#define asio asio_with_epoll  // NOLINT(readability-identifier-naming): see asio_echo.hpp

#include "contenders/echo/peers/asio_echo.hpp"
#include "contenders/echo/peers/peers.hpp"

namespace iobench {

void echo_with_asio_epoll(int listener) { echo_with_asio(listener); }

}  // namespace iobench

#endif

#include "mechanisms.hpp"

#include <array>

namespace bench {

namespace {

constexpr std::array servers{
    bare_echo_server{"io_uring", echo_with_io_uring},
    bare_echo_server{"epoll", echo_with_epoll},
    bare_echo_server{"epoll:level", echo_with_epoll_level},
    bare_echo_server{"epoll:oneshot", echo_with_epoll_one_shot},
    bare_echo_server{"linux_aio", echo_with_linux_aio},
    bare_echo_server{"poll", echo_with_poll},
    bare_echo_server{"select", echo_with_select},
    bare_echo_server{"threads", echo_with_threads},
    bare_echo_server{"sigio", echo_with_sigio},
};

}  // namespace

std::span<const bare_echo_server> bare_echo_servers() { return servers; }

}  // namespace bench

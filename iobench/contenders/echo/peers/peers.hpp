// What users would otherwise pick, each in a file of its own and only there if its headers were when this was built.
#pragma once

namespace iobench {

// Each serves connections of a listening TCP socket until the process is ended.
void echo_with_asio_epoll(int listener);
void echo_with_asio_io_uring(int listener);
void echo_with_libuv(int listener);
void echo_with_libevent(int listener);

}  // namespace iobench

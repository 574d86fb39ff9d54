// An echo server with Asio, as its examples and its own performance test have it: a session per connection that reads
// what there is, writes all of it and reads on. For speed, as its documentation advises: one thread and Asio told so
// (no locks), the socket bound to io_context's own executor (no type erasure), and handlers that fit into the memory
// which Asio recycles (no allocation per message).
//
// Included once by each of asio_epoll.cpp and asio_io_uring.cpp, which choose the mechanism by macros. Asio has no
// run-time choice, and two choices in one program clash: its inline functions have the same names and different
// bodies, of which the linker keeps either. So each of the two gives Asio's namespace a name of its own before it
// includes this; iobench stays one file to copy. All here is in an unnamed namespace for the same reason.
#pragma once

#ifndef asio
#error "name the namespace first: see above"
#endif
#define ASIO_STANDALONE 1
#define ASIO_DISABLE_THREADS 1
#define ASIO_NO_DEPRECATED 1

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <utility>

namespace iobench {

namespace {

using tcp = asio::ip::tcp;
using tcp_socket = asio::basic_stream_socket<tcp, asio::io_context::executor_type>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;

/// Owns itself until its connection ends.
class asio_session {
  public:
    explicit asio_session(tcp_socket socket) : socket_(std::move(socket)) {}

    void read() {
        socket_.async_read_some(asio::buffer(buffer_), [this](asio::error_code error, std::size_t size) {
            if (error) {
                delete this;
            } else {
                write(0, size);
            }
        });
    }

  private:
    // Not asio::async_write(), which is a layer more and costs a few per cent.
    void write(std::size_t from, std::size_t to) {
        const auto bytes = asio::buffer(buffer_.data() + from, to - from);
        socket_.async_write_some(bytes, [this, from, to](asio::error_code error, std::size_t size) {
            if (error) {
                delete this;
            } else if (from + size < to) {
                write(from + size, to);
            } else {
                read();
            }
        });
    }

    tcp_socket socket_;
    std::array<std::byte, 8192> buffer_;
};

void accept_next(tcp_acceptor& acceptor) {
    acceptor.async_accept([&acceptor](asio::error_code error, tcp_socket socket) {
        if (!error) (new asio_session(std::move(socket)))->read();
        accept_next(acceptor);
    });
}

void echo_with_asio(int listener) {
    asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
    tcp_acceptor acceptor(context, tcp::v4(), listener);
    accept_next(acceptor);
    context.run();
}

}  // namespace

}  // namespace iobench

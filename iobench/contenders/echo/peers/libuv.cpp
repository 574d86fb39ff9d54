// An echo server with libuv: one buffer for all, since what was read is written before the next read (the size is what
// libuv itself suggests), and uv_try_write(), which needs no request. Only what a socket does not take is copied.
#if IOBENCH_HAS_LIBUV

#include "contenders/echo/peers/peers.hpp"

#include <uv.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace iobench {

namespace {

std::array<char, 65536> shared_buffer;

struct pending_write {
    uv_write_t request;
    std::vector<char> bytes;
};

void end(uv_handle_t* connection) {
    if (uv_is_closing(connection) == 0) {
        uv_close(connection, [](uv_handle_t* closed) { delete reinterpret_cast<uv_tcp_t*>(closed); });
    }
}

void offer_buffer(uv_handle_t*, std::size_t, uv_buf_t* into) {
    *into = uv_buf_init(shared_buffer.data(), shared_buffer.size());
}

void on_read(uv_stream_t*, ssize_t, const uv_buf_t*);

/// Reads on once the rest is written.
void write_later(uv_stream_t* connection, const char* from, std::size_t size) {
    auto* const rest = new pending_write{{}, {from, from + size}};
    rest->request.data = rest;
    const uv_buf_t bytes = uv_buf_init(rest->bytes.data(), static_cast<unsigned>(size));
    uv_read_stop(connection);
    const auto written = [](uv_write_t* request, int status) {
        auto* const done = static_cast<pending_write*>(request->data);
        uv_stream_t* const to = request->handle;
        delete done;
        if (status < 0) {
            end(reinterpret_cast<uv_handle_t*>(to));
        } else if (uv_is_closing(reinterpret_cast<uv_handle_t*>(to)) == 0) {
            uv_read_start(to, offer_buffer, on_read);
        }
    };
    if (uv_write(&rest->request, connection, &bytes, 1, written) != 0) {
        delete rest;
        end(reinterpret_cast<uv_handle_t*>(connection));
    }
}

void on_read(uv_stream_t* connection, ssize_t size, const uv_buf_t* buffer) {
    if (size < 0) return end(reinterpret_cast<uv_handle_t*>(connection));
    if (size == 0) return;  // EAGAIN
    const uv_buf_t bytes = uv_buf_init(buffer->base, static_cast<unsigned>(size));
    const int written = uv_try_write(connection, &bytes, 1);
    if (written == size) return;
    if (written < 0 && written != UV_EAGAIN) return end(reinterpret_cast<uv_handle_t*>(connection));
    const auto done = written < 0 ? 0 : static_cast<std::size_t>(written);
    write_later(connection, buffer->base + done, static_cast<std::size_t>(size) - done);
}

void on_connection(uv_stream_t* listener, int status) {
    if (status < 0) return;
    auto* const connection = new uv_tcp_t;
    uv_tcp_init(listener->loop, connection);
    auto* const stream = reinterpret_cast<uv_stream_t*>(connection);
    if (uv_accept(listener, stream) != 0) return end(reinterpret_cast<uv_handle_t*>(connection));
    uv_read_start(stream, offer_buffer, on_read);
}

void check(int result, const char* what) {
    if (result >= 0) return;
    std::fprintf(stderr, "libuv: %s: %s\n", what, uv_strerror(result));
    std::exit(1);
}

}  // namespace

void echo_with_libuv(int listener) {
    uv_loop_t* const loop = uv_default_loop();
    uv_tcp_t server;
    check(uv_tcp_init(loop, &server), "uv_tcp_init");
    check(uv_tcp_open(&server, listener), "uv_tcp_open");
    check(uv_listen(reinterpret_cast<uv_stream_t*>(&server), 4096, on_connection), "uv_listen");
    uv_run(loop, UV_RUN_DEFAULT);
}

}  // namespace iobench

#endif

// An address that refuses connections, and goes on doing so: a port that was just closed may be another program's next.
#pragma once

#include "support/descriptor.hpp"
#include <penstock/endpoint.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace penstock::testing {

/// A port of 127.0.0.1 that is taken, but not listened on.
class silent_port {
  public:
    silent_port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        ::socklen_t size = sizeof address;
        auto* const raw = reinterpret_cast<::sockaddr*>(&address);
        EXPECT_EQ(::bind(socket_.get(), raw, size), 0);
        EXPECT_EQ(::getsockname(socket_.get(), raw, &size), 0);
        at_ = endpoint::loopback(::ntohs(address.sin_port));
    }
    const endpoint& at() const noexcept { return at_; }

  private:
    descriptor socket_;
    endpoint at_;
};

}  // namespace penstock::testing

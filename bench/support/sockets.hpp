#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>
#include <string_view>

namespace bench {

// Ends the program with "what: reason" and status 1. Measuring programs have nobody to hand an error to.
[[noreturn]] void fail(std::string_view what, int error);

// Returns a system call's result, or fails with errno when it is negative.
int check(int result, std::string_view what);

// "127.0.0.1:8080"; numbers only, so that no name look-up disturbs a measurement.
std::optional<sockaddr_in> parse_address(const std::string& text);

// Connections accepted from it inherit TCP_NODELAY, which saves a call on each.
int listen_on(const sockaddr_in& address);

// Blocking, with TCP_NODELAY.
int connect_to(const sockaddr_in& address);

[[nodiscard]] std::string local_address(int socket);

void set_nonblocking(int descriptor);

// Lifts the soft limit of descriptors to the hard one and returns it.
long raise_descriptor_limit();

}  // namespace bench

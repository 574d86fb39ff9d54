// The server that is measured: a process of its own, so that its processor time is its own, too.
#pragma once

#include <penstock/penstock.hpp>

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace survey {

inline constexpr std::size_t message_size = 64;

/// What the server has done so far, asked for before and after.
struct server_figures {
    std::uint64_t cpu_ns = 0;  ///< of all threads
    std::uint64_t messages = 0;
    std::uint64_t enters = 0;  ///< system calls that submit to or wait on the mechanism
};

/// The whole of the child's main(): serves on `backend` until its standard input ends. Says where it listens, and
/// answers each byte that it reads with a line of figures.
int serve_echo(const std::string& backend, int processor);

/// The child, seen from the parent. Its end is waited for when this object dies.
class echo_server {
  public:
    echo_server() = default;
    ~echo_server();
    echo_server(const echo_server&) = delete;
    echo_server& operator=(const echo_server&) = delete;

    /// Starts it, this program once more. \return where it listens, or one line saying why it doesn't.
    penstock::task<std::expected<penstock::endpoint, std::string>> start(std::string backend, int processor);
    penstock::task<std::expected<server_figures, std::string>> figures();

  private:
    penstock::task<std::expected<std::string, std::string>> next_line();

    pid_t child_ = -1;
    penstock::adopted orders_;
    penstock::adopted answers_;
    std::string unread_;
};

/// Keeps this thread, and those it will start, on a processor; less than 0: wherever the kernel likes.
void stay_on(int processor);

}  // namespace survey

// What a handle of the simulated machine names: a socket, an end of a pipe, a file, a watcher of signals.
#pragma once

#include <penstock/operation.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::detail {

class simulated_world;
class simulated_backend;

enum class side : std::uint8_t { read, write };

/// At most one operation waits per side, as the contract of backends has it.
struct waiting_operation {
    operation* op = nullptr;
    simulated_backend* by = nullptr;
};

/// Calls answer as the kernel's do where they may not sleep: a number of bytes, 0 at the end, or a negative error,
/// -EAGAIN among them.
class resource {
  public:
    explicit resource(simulated_world& in) noexcept : world_(in) {}
    virtual ~resource() = default;
    resource(const resource&) = delete;
    resource& operator=(const resource&) = delete;

    /// Whether read() has something to say.
    virtual bool readable() const noexcept { return true; }
    virtual std::int32_t read(std::span<std::byte>) noexcept { return -EINVAL; }
    virtual std::int32_t write(std::span<const std::byte>) noexcept { return -EINVAL; }
    /// Bytes that write() would take now, so that what comes from elsewhere is not taken there in vain.
    virtual std::size_t room() const noexcept { return 0; }
    /// Whether it is a socket or a pipe, whose bytes come in pieces of any size and can be spliced.
    virtual bool is_stream() const noexcept { return false; }
    virtual bool is_pipe() const noexcept { return false; }
    /// Its handle is gone.
    virtual void close() noexcept {}

    waiting_operation& at(side s) noexcept { return waiting_[static_cast<std::size_t>(s)]; }
    /// Something changed for who waits on that side.
    void tell(side s) noexcept;

  protected:
    simulated_world& world() const noexcept { return world_; }

  private:
    simulated_world& world_;
    std::array<waiting_operation, 2> waiting_;
};

}  // namespace penstock::detail

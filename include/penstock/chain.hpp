// chain: operations of which each begins when the one before it has ended as it should; one submission where the
// mechanism can be given them together.
//
//     chain c;
//     const auto file = c.open("/etc/hostname");
//     const auto text = c.read_at(file, buffer, 0);
//     c.close(file);
//     const auto outcome = co_await c.run();
//     if (!outcome[text]) report(outcome[text].error());
#pragma once

#include <penstock/detail/await.hpp>
#include <penstock/endpoint.hpp>
#include <penstock/file.hpp>
#include <penstock/handle.hpp>
#include <penstock/operation.hpp>
#include <penstock/owned_handle.hpp>
#include <penstock/result.hpp>
#include <penstock/time.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace penstock {

namespace detail {
class chain_state;
}

/// Names a step of one chain, as long as that lives.
class chain_step {
  public:
    /// The next step begins however this one ends (IOSQE_IO_HARDLINK in io_uring_enter(2)).
    chain_step hard() const noexcept;
    /// The step may take this long from when it begins (IORING_OP_LINK_TIMEOUT). When that has passed it is cancelled,
    /// and answers std::errc::timed_out unless it succeeded all the same. Zero or less: no limit.
    chain_step limit(duration d) const noexcept;

  private:
    friend class chain;
    friend class chain_target;
    friend class chain_outcome;
    friend class detail::chain_state;
    chain_step(detail::chain_state* of, std::uint32_t index) noexcept : of_(of), index_(index) {}
    detail::chain_state* of_;
    std::uint32_t index_;
};

/// What a step works on: something that the program has open, or what an earlier step of the chain will have opened.
class chain_target {
  public:
    // NOLINTBEGIN(google-explicit-constructor): each of them is such a target
    chain_target(handle h) noexcept : plain_(h) {}
    chain_target(chain_step opener) noexcept : opener_(static_cast<std::int32_t>(opener.index_)) {}
    template <class Owner>
        requires requires(const Owner& o) {
            { o.name() } -> std::same_as<handle>;
        }
    chain_target(const Owner& owner) noexcept : plain_(owner.name()) {}
    // NOLINTEND(google-explicit-constructor)

  private:
    friend class chain;
    handle plain_;
    std::int32_t opener_ = -1;
};

/// How a run went; of the chain's last run, as long as the chain lives.
class chain_outcome {
  public:
    /// What a step has answered: the number of bytes of a transfer, else 0.
    /// Errors: those of its system call; operation_canceled if it did not begin, or the run was cancelled; timed_out.
    result<std::size_t> operator[](chain_step step) const noexcept;
    /// Whether every step did all that it was to do.
    bool complete() const noexcept;

  private:
    friend class detail::chain_state;
    explicit chain_outcome(const detail::chain_state& of) noexcept : of_(&of) {}
    const detail::chain_state* of_;
};

namespace detail {

class [[nodiscard]] chain_awaiter {
  public:
    explicit chain_awaiter(chain_state& state) noexcept : state_(&state) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        return begin(h, h.promise().cancel);
    }
    chain_outcome await_resume() const noexcept;

  private:
    bool begin(std::coroutine_handle<> waiter, cancel_state* surroundings) noexcept;
    chain_state* state_;
};

}  // namespace detail

/// Steps, and how to run them. A step that fails, or transfers less than it was asked to, ends the run: those after it
/// answer std::errc::operation_canceled (but see chain_step::hard()). On io_uring the steps are one submission, for
/// which the calling thread enters the kernel once; on other backends, and where that is not to be had, the same
/// happens step by step. loop_statistics tells which: `chains`, `chains_in_order`.
///
/// What a step opens is not the program's: it is closed by a step, or else when the run ends, however it ends, unless
/// keep() makes it the program's.
/// Buffers, and whatever is named by a handle, must stay until then. May be run any number of times, one after the
/// other, on one loop's thread. Cancelling the task that awaits a run cancels it as a whole.
class chain {
  public:
    static constexpr std::size_t default_most_steps = 16;

    /// A chain with more steps than `most_steps` does nothing: each of them answers std::errc::argument_list_too_long.
    explicit chain(std::size_t most_steps = default_most_steps);
    ~chain();
    chain(const chain&) = delete;
    chain& operator=(const chain&) = delete;

    /// openat(2).
    chain_step open(std::string path, fs::open_options options = {});
    /// socket(2), of a stream.
    chain_step socket(address_family family);
    /// connect(2).
    chain_step connect(chain_target socket, const endpoint& to);
    /// pread(2) of all of `into`: what is less, as before the end of a file, ends the run.
    chain_step read_at(chain_target file, std::span<std::byte> into, std::uint64_t offset);
    /// pwrite(2) of all of `from`.
    chain_step write_at(chain_target file, std::span<const std::byte> from, std::uint64_t offset);
    /// fsync(2), fdatasync(2).
    chain_step sync(chain_target file, bool data_only = false);
    /// send(2) until all is sent. No other send may be under way on the socket.
    chain_step send(chain_target socket, std::span<const std::byte> from);
    chain_step send(chain_target socket, std::string_view text) { return send(socket, std::as_bytes(std::span(text))); }
    /// shutdown(2).
    chain_step shutdown(chain_target socket, detail::shutdown_side side = detail::shutdown_side::send);
    /// close(2). For what the chain has opened, or a bare handle that nobody owns. After keep() it is the chain's own
    /// name for it that ends.
    chain_step close(chain_target opened);
    /// What an earlier step has opened becomes the program's, whatever comes later: take() gives it out. Once for each.
    /// On io_uring it has no number until then and gets one (IORING_OP_FIXED_FD_INSTALL, Linux 6.8, else the chain runs
    /// step by step; close-on-exec, and in blocking mode); elsewhere it has one already. Errors: too_many_files_open,
    /// bad_file_descriptor (a step has closed it).
    chain_step keep(chain_step opener);
    /// What that step has kept in the last run, once; nothing if it has not. What nobody takes is closed when the chain
    /// runs again or ends, which must be before the loop does. adopt() makes a byte stream of it.
    owned_handle take(chain_step kept) noexcept;

    std::size_t size() const noexcept;

    detail::chain_awaiter run() noexcept { return detail::chain_awaiter(*state_); }

  private:
    std::unique_ptr<detail::chain_state> state_;
};

}  // namespace penstock

// What every operation has, whatever its kind.
#pragma once

#include <penstock/detail/intrusive_list.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock {

enum class op_kind : std::uint8_t;

namespace detail {

/// Something the loop will run: a completed operation, a finished task, an expired timer. `run` must not throw.
struct ready_item {
    ready_item* next = nullptr;
    void (*run)(ready_item&) noexcept = nullptr;
};

enum class op_state : std::uint8_t {
    idle,       ///< not submitted, or its final completion was delivered
    no_space,   ///< the backend was busy: waits in the loop for queue space
    submitted,  ///< with the backend
};

/// Whether the caller can afford to sleep in the kernel.
enum class call_mode : std::uint8_t {
    no_wait,   ///< the loop's thread: what would block answers -EAGAIN; no signal ends the call
    blocking,  ///< a thread of a pool: sleeps; answers -EINTR when a signal ends the call
};

/// Where an operation can wait, which is all that a readiness backend needs to know of it.
enum class wait_side : std::uint8_t {
    none,     ///< never blocks
    read,     ///< until what it waits for is readable
    write,    ///< until it is writable
    file,     ///< sleeps on a disk
    wake_up,  ///< until another thread or process says so, which may be never
    time,     ///< until a moment, which the loop's timers know
};

/// What holds for every operation of a kind: the `about` of its struct.
struct kind_facts {
    op_kind kind;
    std::string_view name;  ///< as in the enumeration
    wait_side waits = wait_side::none;
};

/// The header of every operation. While it is submitted, `hook` and `scratch` belong to the backend and the address
/// must not change. Only the loop's thread touches it, except that an offloaded operation's payload and result belong
/// to the worker until it hands it back.
///
/// Each kind's struct has `about`; `call()`, its plain system call made once (src/op; see call() in src/op/call.hpp for
/// what it answers), but for those of receive and read; and if it waits for readiness, `waits_for()`, the handle. Where
/// the side depends on more than the kind, `waits_now()` says which.
struct operation : ready_item, list_hook {
    explicit operation(op_kind k) noexcept : kind(k) {}

    std::int32_t result = 0;  ///< after the final completion: >= 0, or a negative error (detail::decode)
    op_kind kind;
    op_state state = op_state::idle;
    bool ready = false;             ///< is in the loop's ready queue
    bool final = false;             ///< its final completion is in
    bool cancel_requested = false;  ///< cancel() was called since it was submitted
    std::uint8_t backend_flags = 0;
    std::array<std::uint64_t, 2> scratch{};  ///< the backend's
};

}  // namespace detail
}  // namespace penstock

// Work on files for mechanisms that only tell of readiness: a file is always "ready", and its calls sleep all the same.
#pragma once

#include "backend/backend.hpp"
#include "backend/offload.hpp"

#include <memory>
#include <optional>

namespace penstock::detail {

/// A way of having files read and written while the loop goes on. Belongs to one backend; only the loop's thread
/// enters it. When something has ended, it calls the backend's wake(), from wherever it hears of it, and is asked for
/// what has ended with collect() before and after each wait.
///
/// The worker pool (offload) is the way that is always there; another one takes what it can do and leaves the rest to
/// the pool, also later, when the kernel says that an operation would make the loop sleep.
class file_path {
  public:
    file_path() = default;
    file_path(const file_path&) = delete;
    file_path& operator=(const file_path&) = delete;
    /// No operation may be under way.
    virtual ~file_path() = default;

    /// Notes in the table which operations it takes, how, and what cancelling them does.
    virtual void describe(capability_table& table) const noexcept = 0;
    /// Takes an operation. \return as backend::submit(), or nothing if it is none of its kinds: use the pool.
    virtual std::optional<submitted> submit(operation& op) noexcept = 0;
    /// Hands what was collected by submit() to the kernel. Before each wait.
    virtual void flush() noexcept = 0;
    /// Asks for the end of an operation; it may end at completion. \return false if it is not here.
    virtual bool cancel(operation& op, completions& out) noexcept = 0;
    /// Delivers what has ended.
    virtual void collect(completions& out) noexcept = 0;
    /// Whether collect() would deliver something.
    virtual bool anything_done() const noexcept = 0;
    virtual std::uint32_t under_way() const noexcept = 0;
    /// A descriptor is closed: what is remembered of it is void.
    virtual void closed(std::int32_t fd) noexcept { static_cast<void>(fd); }
};

/// What a file path is given; outlives it.
struct file_path_environment {
    backend& owner;           ///< wake() is called when something has ended
    offload& pool;            ///< for what would sleep
    int wake_descriptor;      ///< an eventfd whose count ends the owner's wait, like wake(); -1 if there is none
    std::uint32_t most;       ///< operations under way at once; beyond them submit() answers `busy`
    std::uint32_t aio_slots;  ///< backend_options::aio_slots
};

/// The one that `engine` names, or why it cannot be had.
std::expected<std::unique_ptr<file_path>, setup_error> make_file_path(file_engine engine,
                                                                      const file_path_environment& environment);

}  // namespace penstock::detail

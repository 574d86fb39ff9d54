// What a backend can do, per operation, as found by trying.
#pragma once

#include <penstock/operation.hpp>

#include <array>
#include <string_view>

namespace penstock {

/// How an operation is carried out.
enum class support : std::uint8_t {
    native,       ///< by the mechanism itself, or by one system call that cannot block
    emulated,     ///< the mechanism says when, a plain system call does it
    offloaded,    ///< a blocking call on a thread of a bounded pool
    unsupported,  ///< answered with std::errc::operation_not_supported
};

/// What a cancel request does to an operation that is under way.
enum class cancellation : std::uint8_t {
    prompt,         ///< it ends within a turn of the loop
    at_completion,  ///< it ends when the kernel is done with it (disk, name look-ups)
};

struct capability {
    penstock::support support = support::unsupported;
    penstock::cancellation cancellation = cancellation::prompt;
    std::string_view why;  ///< static text; empty for the expected case
};

/// One backend's answers, indexed by operation kind.
struct capability_table {
    std::array<capability, op_kind_count> of;
    /// How many operations may wait at once; 0 when only memory limits it. Tests scale by it.
    std::uint32_t most_waiting = 0;
    /// Descriptors with this number or a higher one are refused (errc::too_many_open_files), whoever has opened those
    /// below; 0 when only the process's limit counts. Tests scale by it, too.
    std::uint32_t most_descriptors = 0;
    /// Its time, network, files and signals are its own: nothing else of this machine is seen there, and no real time
    /// passes. Other threads reach a loop there as any loop.
    bool own_world = false;

    const capability& operator[](op_kind kind) const noexcept { return of[static_cast<std::size_t>(kind)]; }
    capability& operator[](op_kind kind) noexcept { return of[static_cast<std::size_t>(kind)]; }
};

std::string_view to_string(support s) noexcept;
std::string_view to_string(cancellation c) noexcept;

}  // namespace penstock

// The kinds of fault, each with its place in the options and in the statistics.
#pragma once

#include <penstock/simulation_options.hpp>

#include <string_view>

namespace penstock::detail {

/// A kind of fault: its chance, its count, its name in the trace.
struct fault {
    unsigned simulation_faults::* of;
    std::string_view name;
};

namespace faults {
inline constexpr fault short_transfer{&simulation_faults::short_transfer, "short_transfer"};
inline constexpr fault interrupted{&simulation_faults::interrupted, "interrupted"};
inline constexpr fault again{&simulation_faults::again, "again"};
inline constexpr fault reset{&simulation_faults::reset, "reset"};
inline constexpr fault lost_datagram{&simulation_faults::lost_datagram, "lost_datagram"};
inline constexpr fault doubled_datagram{&simulation_faults::doubled_datagram, "doubled_datagram"};
inline constexpr fault delay{&simulation_faults::delay, "delay"};
inline constexpr fault reorder{&simulation_faults::reorder, "reorder"};
inline constexpr fault no_space{&simulation_faults::no_space, "no_space"};
inline constexpr fault io_error{&simulation_faults::io_error, "io_error"};
inline constexpr fault too_many_files{&simulation_faults::too_many_files, "too_many_files"};
}  // namespace faults

}  // namespace penstock::detail

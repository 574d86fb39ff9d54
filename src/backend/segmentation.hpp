// Datagrams that the kernel cuts into segments, and joins again: whether it does, for explain().
#pragma once

#include <penstock/explain.hpp>

#include <string_view>
#include <vector>

namespace penstock::detail {

inline constexpr std::string_view segment_feature = "UDP_SEGMENT";
inline constexpr std::string_view join_feature = "UDP_GRO";

/// Adds what a UDP socket of this kernel says to both options (udp(7)): the same that net::datagram_socket asks.
void report_segmentation(std::vector<feature_report>& features);

}  // namespace penstock::detail

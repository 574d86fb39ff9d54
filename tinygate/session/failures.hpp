// What goes wrong with an exchange, in the words of the answer and the access log.
#pragma once

#include <string_view>

namespace tinygate::failures {

inline constexpr std::string_view too_large = "the body is larger than this server takes";
inline constexpr std::string_view client_left = "the client left";
inline constexpr std::string_view client_slow = "the client sent its body too slowly";
inline constexpr std::string_view client_reads_slowly = "the client read too slowly";
inline constexpr std::string_view upstream_slow = "the upstream took the request too slowly";
inline constexpr std::string_view upstream_sends_slowly = "the upstream sent its body too slowly";
inline constexpr std::string_view upstream_cut_short = "the upstream ended in the body";

}  // namespace tinygate::failures

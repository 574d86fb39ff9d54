#include "backend/segmentation.hpp"

#include "base/unique_fd.hpp"
#include "op/call.hpp"

#include <cstring>
#include <string>

namespace penstock::detail {
namespace {

void report(std::vector<feature_report>& features, std::string_view name, std::int32_t outcome, const char* use,
            const char* without) {
    if (outcome >= 0) {
        features.push_back({name, true, use});
    } else {
        features.push_back({name, false, std::string(std::strerror(-outcome)) + without});
    }
}

}  // namespace

void report_segmentation(std::vector<feature_report>& features) {
    socket_op opening(address_family::ipv4, socket_type::datagram);
    const std::int32_t opened = opening.call(call_mode::no_wait);
    const unique_fd owner(opened);
    const auto ask = [opened](socket_option option, int value, bool set) {
        option_op asking({opened}, option, value, set);
        return opened < 0 ? opened : asking.call(call_mode::no_wait);
    };
    report(features, segment_feature, ask(socket_option::udp_segment, 0, false),
           "net::datagram_socket::send_segments()", ": each segment is a message of its own (Linux 4.18)");
    report(features, join_feature, ask(socket_option::udp_join, 1, true), "net::datagram_options::join_segments",
           ": datagrams come one by one (Linux 5.0)");
}

}  // namespace penstock::detail

// What has become of each request, as its client and the origins have seen it.
#pragma once

#include <penstock/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace simulated {

/// One arrival of a request at an origin.
struct attempt {
    std::uint32_t connection = 0;  ///< unique in the history
    std::uint32_t before = 0;      ///< requests before it on that connection
    std::uint64_t body = 0;        ///< bytes of the body, or of the tunnel
    bool whole = false;            ///< the body has come to its end
    bool answer_sent = false;      ///< all of it was handed to the connection
};

struct request_record {
    bool begun = false;  ///< the client has a connection for it
    bool sent = false;   ///< all of it was handed to the connection
    penstock::time_point sent_at = penstock::never;
    penstock::time_point connected_at = penstock::never;
    bool left = false;         ///< the client has ended its connection, as planned
    bool shut_out = false;     ///< what came before it on its connection has ended that
    std::uint16_t status = 0;  ///< of the final answer; 0: none
    bool by_gate = false;      ///< the answer is the gate's own
    bool complete = false;     ///< all of the answer is there
    unsigned interim = 0;
    std::string ended;  ///< how the connection ended, if the answer is not complete
    penstock::time_point ended_at = penstock::never;
    std::vector<attempt> attempts;
};

}  // namespace simulated

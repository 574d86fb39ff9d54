// Heads on their way through the gate: written anew, never passed on as they came.
#pragma once

#include "session/relay_batch.hpp"
#include "session/worker.hpp"
#include <penstock/http/head.hpp>

#include <string_view>

namespace tinygate {

/// What the upstream is told besides what the client said.
struct request_form {
    std::string_view client;        ///< its address
    std::string_view host_if_none;  ///< HTTP/1.0 can do without one, upstreams may not
    bool upgrades = false;
};

/// Whether an upgrade that the client offers may be offered to the upstream. `h2c` may not: it would carry requests
/// that the gate does not see (RFC 9113 3.1 has withdrawn it, and what it was never was for more than one hop).
bool may_upgrade(const penstock::http::request_head& head, std::string_view bytes) noexcept;

/// The request for the upstream, in the workspace's memory; valid until the next head is written there.
/// \param bytes what the head was parsed from
std::string_view write_request_head(workspace& memory, const penstock::http::request_head& head, std::string_view bytes,
                                    const request_form& form);

/// What the client is told besides what the upstream said.
struct response_form {
    bool keeps = false;       ///< the connection goes on
    bool old_client = false;  ///< HTTP/1.0
    outgoing_framing framing = outgoing_framing::as_it_is;
};

/// The response for the client.
std::string_view write_response_head(workspace& memory, const penstock::http::response_head& head,
                                     std::string_view bytes, response_form form);

/// A whole answer of the gate's own, with a short body that says why.
/// \param with_body false for HEAD
std::string_view write_answer(workspace& memory, std::uint16_t status, std::string_view why, bool keeps,
                              bool with_body);

}  // namespace tinygate

// A client's connection that speaks HTTP/1: one request after the other.
#pragma once

#include "session/worker.hpp"
#include <penstock/serve.hpp>

namespace tinygate {

/// Serves what is there and ends when nothing is left to do: an idle connection owns no coroutine (net::serve()).
penstock::task<penstock::net::after> serve_http1(worker& gate, penstock::net::stream& client);

}  // namespace tinygate

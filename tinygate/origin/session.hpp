// A connection to the origin: one request after the other.
#pragma once

#include "origin/site.hpp"
#include <penstock/serve.hpp>
#include <penstock/stream.hpp>
#include <penstock/task.hpp>

namespace origin {

/// Answers what is there; an idle connection owns no coroutine (net::serve()).
penstock::task<penstock::net::after> serve(site& here, penstock::net::stream& client);

}  // namespace origin

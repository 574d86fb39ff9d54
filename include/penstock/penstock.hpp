// Everything at once. Each header can also be included alone.
#pragma once

#include <penstock/adopt.hpp>
#include <penstock/buffer_arena.hpp>
#include <penstock/byte_stream.hpp>
#include <penstock/chain.hpp>
#include <penstock/directory.hpp>
#include <penstock/endpoint.hpp>
#include <penstock/explain.hpp>
#include <penstock/file.hpp>
#include <penstock/listener.hpp>
#include <penstock/loop.hpp>
#include <penstock/result.hpp>
#include <penstock/run_blocking.hpp>
#include <penstock/runtime.hpp>
#include <penstock/scope.hpp>
#include <penstock/serve.hpp>
#include <penstock/signals.hpp>
#include <penstock/sleep.hpp>
#include <penstock/statistics.hpp>
#include <penstock/stop_token.hpp>
#include <penstock/stream.hpp>
#include <penstock/task.hpp>
#include <penstock/timeout.hpp>
#include <penstock/transfer.hpp>
#include <penstock/version.hpp>
#include <penstock/when.hpp>

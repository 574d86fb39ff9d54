// What every workload of echoes does: a server, a load on it, and what the messages cost.
#pragma once

#include "load/echo_load.hpp"
#include "model/workload.hpp"

#include <chrono>
#include <expected>
#include <string>

namespace iobench {

/// One trial: starts the server of that contender, opens the connections, and measures from the first message to the
/// last. \return of these what `metrics` names, per message (m) where nothing else is said:
///
///     cpu_us (µs/m), rate (m/s), p50_us, p90_us, p99_us, p999_us, p9999_us (µs), calls, waits, epoll_ctl, switches,
///     resident, resident_before (bytes, with and without the connections), threads, cpu_s_gib (s per GiB each way),
///     gib_s (GiB each way per second)
std::expected<sample, std::string> run_echo_trial(const contender&, echo_job, const std::vector<metric>& metrics);

/// Metrics under the names above.
metric cpu_per_message();
metric messages_per_second();
metric latency(const std::string& name);  ///< "p50_us"
metric calls_per_message();
metric waits_per_message();
metric epoll_ctl_per_message();
metric switches_per_message();

/// Why such a server has no business with so many connections; empty if it has.
std::string too_many_connections(const contender&, double connections);

/// What a trial with so many connections takes besides its load.
std::chrono::duration<double> besides_echoes(double connections);

}  // namespace iobench

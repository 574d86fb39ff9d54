// What every workload of echoes does: a server, a load on it, and what the messages cost.
#pragma once

#include "load/echo_load.hpp"
#include "model/workload.hpp"
#include "process/child.hpp"

#include <chrono>
#include <expected>
#include <optional>
#include <string>

namespace iobench {

/// One trial: a server of a contender in a process, and a load in another. It gives, of these, what `metrics` names,
/// per message (m) where nothing else is said:
///
///     cpu_us (µs/m), rate (m/s), p50_us, p90_us, p99_us, p999_us, p9999_us (µs), calls, waits, epoll_ctl, switches,
///     resident (bytes), bytes_per_connection, threads, cpu_s_gib (s per GiB each way), gib_s (GiB each way per s),
///     unsent (of a fixed rate: the share that the server had no time for)
class echo_trial {
  public:
    /// `metrics` must stay.
    echo_trial(const contender& who, const std::vector<metric>& metrics) : who_(who), metrics_(metrics) {}

    /// Starts the server, by what it is as a child of this program, and opens the connections.
    std::expected<void, std::string> open(echo_job, const std::vector<std::string>& server);
    std::expected<void, std::string> open(echo_job job) { return open(std::move(job), {"echo-server", who_.name}); }
    /// Measures from the first message to the last.
    std::expected<sample, std::string> run();
    const std::string& address() const noexcept { return job_.address; }
    /// Bytes of the server, now.
    double resident() const;
    /// What the server takes of the machine's cores while nobody says anything.
    std::expected<double, std::string> cores_in_use(std::chrono::duration<double> during) const;

  private:
    std::string why(const std::string& load_says);

    contender who_;
    const std::vector<metric>& metrics_;
    echo_job job_;
    std::optional<child> server_;
    std::optional<echo_load> load_;
    double resident_alone_ = 0;
};

/// Both in one.
std::expected<sample, std::string> run_echo_trial(const contender&, const echo_job&,
                                                  const std::vector<metric>& metrics);

/// The echo servers, each once: the modes of epoll and the features of io_uring are workloads of their own.
std::vector<contender> echo_contenders();

/// A line of its own for each: "64 bytes", "16 KiB", "1 MiB".
std::string size_text(double bytes);

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

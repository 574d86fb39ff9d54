// What is measured: the terms that all of iobench is written in.
#pragma once

#include <chrono>
#include <cmath>
#include <expected>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace iobench {

/// Where a contender comes from.
enum class group {
    penstock,  ///< the library, by one of its backends or file paths
    bare,      ///< the kernel's interface and nothing else: the limit
    peer,      ///< what users would otherwise pick
};

/// Something that can do the work of a workload. A name is unique in its workload; the same name in two workloads means
/// the same mechanism under the same library: "penstock/epoll", "bare/epoll", "libuv".
struct contender {
    std::string name;
    group of = group::bare;
    std::string unavailable = {};  ///< why it can't run here; empty: it can
};

/// A quantity that is taken of each trial.
struct metric {
    std::string name;   ///< its key in a sample and in JSON: "cpu_us_per_message"
    std::string title;  ///< for people: "CPU per message"
    std::string unit;   ///< "µs", "bytes", "1/s"; empty for a plain number
    bool less_is_better = true;
};

/// A place in a workload's sweep.
struct point {
    std::string name;                                     ///< unique in its workload: "256 connections"
    double x = std::numeric_limits<double>::quiet_NaN();  ///< where it is on the axis; NaN if there is none
};

/// What one trial gave, by the metrics' names. A metric that could not be taken is not in it.
using sample = std::map<std::string, double>;

/// How much of it: the smallest set of points that says something, what five minutes allow, or all.
enum class scale { quick, survey, full };

/// How long a trial is to take.
struct pace {
    std::chrono::duration<double> warm_up{0.1};  ///< at most: it ends when the rate is steady
    std::chrono::duration<double> length{0.5};   ///< of what is measured
};

/// What a workload says of itself.
struct description {
    std::string name;       ///< for the command line: "echo"
    std::string title;      ///< a line for people: "echo ping-pong, 64 bytes"
    std::string says;       ///< two or three sentences: what is done, what the figure means, what to watch out for
    std::string axis = {};  ///< what `point::x` is, "connections"; empty if points are no sweep
    bool logarithmic = true;
    std::vector<metric> metrics = {};  ///< the first is what contenders are compared by
};

/// A kind of work that contenders are put through. Trials are run one at a time, each from the start: it starts the
/// processes it needs, pinned to separate cores, and ends them.
class workload {
  public:
    workload() = default;
    workload(const workload&) = delete;
    workload& operator=(const workload&) = delete;
    virtual ~workload() = default;

    virtual const description& about() const = 0;
    virtual std::vector<point> points(scale much) const = 0;
    /// Those that this machine lacks are among them, with the reason.
    virtual std::vector<contender> contenders() const = 0;
    /// Why a contender has no business at a point ("select stops at 1024 descriptors"); empty if it has.
    virtual std::string left_out(const contender&, const point&) const { return {}; }
    /// What a trial takes besides its warm-up and its length: starting, connecting, ending. The method plans with it,
    /// and learns from the first trials if it is wrong.
    virtual std::chrono::duration<double> besides(const contender&, const point&) const {
        return std::chrono::duration<double>(0.1);
    }
    /// One trial. \return what it gave, or a line that says why there is none.
    virtual std::expected<sample, std::string> measure(const contender&, const point&, const pace&) = 0;
};

}  // namespace iobench

// What is often said of Linux's I/O models, as data: each claim with the measurement that tests it.
#pragma once

#include "model/results.hpp"
#include "stats/comparison.hpp"

#include <limits>
#include <string>
#include <vector>

namespace iobench {

/// Where a figure is taken from.
struct place {
    std::string workload = {};
    std::string point = {};  ///< its name, or where it is on the axis ("256"); "first" or "last" of those measured
    std::string contender = {};
    std::string metric = {};
};

enum class form {
    value,  ///< the median at `of`
    ratio,  ///< that of `of` to that of `to`; of neighbours in time where both are at one point
    slope,  ///< from `of` to `to`, per unit of the axis
};

/// A figure that a claim is about. It agrees with the claim if its interval lies within [low, high].
struct quantity {
    std::string label = {};
    std::string unit = {};
    form as = form::value;
    place of = {};
    place to = {};
    double scale = 1;  ///< what it is multiplied by before it is shown and judged
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    bool judged = true;    ///< otherwise it is only shown
    bool lenient = false;  ///< it agrees as long as any of its interval does: a tie is no worse
};

enum class ruling {
    holds,
    does_not,
    depends,          ///< some figures agree and some do not, or an interval reaches over the limit
    not_measured,     ///< the results at hand do not have it; the claim's command would
    cannot_be_known,  ///< "can't be measured here"
};
std::string_view to_string(ruling);

/// What a test of this repository has settled, since it is a fact of the interface and not a figure.
struct settled {
    ruling is = ruling::holds;
    std::string by = {};     ///< "tests/integration/kernel_facts.py"
    std::string named = {};  ///< the case in it
    std::string shows = {};
};

struct claim {
    std::string id = {};      ///< stable
    std::string source = {};  ///< the number of the document that says it, "002"; several with commas
    std::string says = {};
    std::vector<quantity> figures = {};
    settled fact = {};        ///< instead of, or beside, figures; `by` is empty if there is none
    std::string cannot = {};  ///< why it can't be measured, where no figure that is judged could be; empty if it can
    std::string note = {};
};

/// All of them, in the order in which they are shown.
const std::vector<claim>& claims();

/// What penstock is held to: of its own, and judged with the benefit of the doubt.
const std::vector<claim>& bounds();

/// The workloads that a claim needs, each once.
std::vector<std::string> workloads_of(const claim&);
std::vector<std::string> contenders_of(const claim&);
/// What measures or checks it: a line for a shell, "iobench run echo --contender bare/epoll", or a test.
std::string command_of(const claim&);

/// Whether a claim's figures come from that contender at that point. "first" and "last" count as any point.
bool needs(const claim&, const std::string& workload, const point&, const contender&);

/// A quantity as this machine has it.
struct shown {
    const quantity* of = nullptr;
    estimate value = {};
};

struct finding {
    const claim* of = nullptr;
    ruling is = ruling::not_measured;
    std::vector<shown> figures = {};
    std::string why = {};  ///< of not_measured and cannot_be_known
};

/// What results say to a claim.
finding judge(const claim&, const results&);

}  // namespace iobench

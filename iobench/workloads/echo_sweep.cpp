#include "workloads/echo_sweep.hpp"

#include "workloads/echo_trial.hpp"

namespace iobench {

std::vector<contender> echo_sweep::contenders() const { return echo_contenders(); }

std::vector<point> echo_sweep::points(scale much) const {
    std::vector<point> all;
    for (const double x : places(much)) all.push_back({name_of(x), x});
    return all;
}

std::string echo_sweep::left_out(const contender& who, const point& at) const {
    return too_many_connections(who, static_cast<double>(job(at.x).connections));
}

std::chrono::duration<double> echo_sweep::besides(const contender&, const point& at) const {
    return besides_echoes(static_cast<double>(job(at.x).connections));
}

std::expected<sample, std::string> echo_sweep::measure(const contender& who, const point& at, const pace& each) {
    echo_job wanted = job(at.x);
    wanted.seconds = each.length.count();
    wanted.warm_up = each.warm_up.count();
    return run_echo_trial(who, wanted, about().metrics);
}

}  // namespace iobench

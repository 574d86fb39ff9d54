// A workload that is an echo load with one thing varied.
#pragma once

#include "load/echo_load.hpp"
#include "model/workload.hpp"

namespace iobench {

/// Points are numbers on an axis; what a load is like at one is for job(). Contenders are all echo servers, unless said
/// otherwise.
class echo_sweep : public workload {
  public:
    std::vector<contender> contenders() const override;
    std::vector<point> points(scale much) const override;
    std::string left_out(const contender&, const point&) const override;
    std::chrono::duration<double> besides(const contender&, const point&) const override;
    std::expected<sample, std::string> measure(const contender&, const point&, const pace&) override;

  protected:
    /// Where a sweep goes.
    virtual std::vector<double> places(scale much) const = 0;
    virtual std::string name_of(double x) const = 0;
    virtual echo_job job(double x) const = 0;
};

}  // namespace iobench

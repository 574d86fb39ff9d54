// What runs and how long it still takes, while it runs.
#pragma once

#include "method/method.hpp"

#include <chrono>
#include <string>

namespace iobench {

/// On a terminal one line that changes in place; elsewhere a line for each round, and one when the last is ten seconds
/// old. On standard error, so that results can be taken from standard output.
class progress_view {
  public:
    progress_view();
    void show(const progress&);
    /// The line that changes goes.
    void finish();

  private:
    void show_line(const progress&);

    bool live_;
    unsigned round_ = 0;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point told_;
};

/// "4:05", "0:07".
std::string clock_text(std::chrono::duration<double>);

}  // namespace iobench

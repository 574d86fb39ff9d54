// `iobench report FILE.json`: a finished run in other forms.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace iobench {

/// Adds itself to the program's command line; lives as long as that.
class report_command {
  public:
    explicit report_command(CLI::App&);
    report_command(const report_command&) = delete;
    report_command& operator=(const report_command&) = delete;

    bool parsed() const { return command_->parsed(); }
    /// \return the exit status: 0, or 2 for a file that can't be read, written or understood, with a line on stderr.
    int run() const;

  private:
    CLI::App* command_;
    std::string input_;
    std::string html_;
    std::string markdown_;
    std::string chart_;
    std::string svg_;
};

}  // namespace iobench

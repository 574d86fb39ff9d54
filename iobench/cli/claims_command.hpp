// `iobench claims`: what is often said, and what this machine shows.
#pragma once

#include "model/results.hpp"

#include <CLI/CLI.hpp>
#include <expected>
#include <string>

namespace iobench {

class claims_command {
  public:
    explicit claims_command(CLI::App& program);
    bool parsed() const { return command_->parsed(); }
    int run() const;

  private:
    std::expected<results, std::string> find_results() const;

    CLI::App* command_;
    std::string input_;
    bool json_ = false;
    bool quick_ = false;
};

}  // namespace iobench

// `iobench claims` and `iobench bounds`: what is often said and what penstock is held to, and what this machine shows.
#pragma once

#include "claims/claims.hpp"
#include "model/results.hpp"

#include <CLI/CLI.hpp>
#include <expected>
#include <string>
#include <vector>

namespace iobench {

class claims_command {
  public:
    /// \param all what is judged; it must stay
    claims_command(CLI::App& program, const char* name, const char* says, const std::vector<claim>& all);
    bool parsed() const { return command_->parsed(); }
    int run() const;

  private:
    std::expected<results, std::string> find_results() const;

    const char* name_;
    const std::vector<claim>& all_;
    CLI::App* command_;
    std::string input_;
    std::string save_;
    bool json_ = false;
    bool quick_ = false;
};

}  // namespace iobench

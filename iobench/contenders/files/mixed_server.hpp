// Sockets and files in one loop of penstock.
#pragma once

#include "process/roles.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace iobench {

/// What the loop does besides its echoes.
struct mixed_setup {
    std::string backend;
    std::string path = {};  ///< of a file that holds what content.hpp says; empty: no files
    std::uint64_t bytes = 0;
    std::uint64_t seed = 1;
    bool direct = false;
    unsigned readers = 8;  ///< tasks, each of which reads a random page and then pauses
    unsigned pause_us = 1000;
};

nlohmann::json to_json(const mixed_setup&);

/// `mixed-server JSON`: serves echoes and reads files; says `listening on ADDRESS`. To each line on its standard input
/// it answers with a line: how many reads have ended so far.
role mixed_server_role();

}  // namespace iobench

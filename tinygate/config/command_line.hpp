// The command line.
#pragma once

#include "config/options.hpp"

#include <string>
#include <variant>

namespace tinygate {

/// `tinygate backends`: print what works here.
struct show_backends {};

/// Nothing to run: what to print, and the exit status. Text for status 0 goes to standard output.
struct just_say {
    std::string text;
    int status = 0;
};

/// Reads the command line. Whatever is wrong is one line, with exit status 2, and names the option.
std::variant<options, show_backends, just_say> read_command_line(int count, const char* const* values);

}  // namespace tinygate

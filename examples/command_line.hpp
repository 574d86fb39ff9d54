// What the examples share: reading the command line, and ending with one clear line when something is wrong.
#pragma once

#include <penstock/loop.hpp>

#include <errno.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace example {

inline constexpr int misuse = 2;  // exit status: the command line, or what it asks of this machine, is wrong

/// Prints `echo: what is wrong` on stderr. \return the exit status, for `return complain(...)`
inline int complain(const std::string& what, int status = 1) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
    return status;
}

/// The words of a command line, `--backend NAME` taken out of them.
struct command_line {
    std::string backend = "auto";
    std::vector<std::string> words;

    /// Ends the program if there are fewer words than `least` or more than `most`.
    command_line(int count, char** values, const std::string& usage, std::size_t least, std::size_t most) {
        const std::vector<std::string> given(values + 1, values + count);
        const auto refuse = [&](const std::string& what) { std::exit(complain(what + "; usage: " + usage, misuse)); };
        bool options_end = false;  // behind `--`
        for (auto word = given.begin(); word != given.end(); ++word) {
            if (options_end || !word->starts_with('-') || *word == "-") {
                words.push_back(*word);
            } else if (*word == "--backend") {
                if (++word == given.end()) refuse("--backend needs a name");
                backend = *word;
            } else if (*word == "--help") {
                std::exit(std::printf("usage: %s\n", usage.c_str()) < 0 ? 1 : 0);
            } else if (*word == "--") {
                options_end = true;
            } else {
                refuse("unknown option '" + *word + "'");
            }
        }
        if (words.size() < least) refuse("too few arguments");
        if (words.size() > most) refuse("'" + words[most] + "' is one argument too many");
    }
};

/// The loop that the command line asks for; ends the program if there can be none.
inline std::unique_ptr<penstock::loop> make_loop(const command_line& wanted) {
    auto made = penstock::loop::create({.backend = wanted.backend});
    if (!made) std::exit(complain(made.error().message, misuse));
    return std::move(*made);
}

}  // namespace example

// What a command has to say.
#pragma once

#include <cstdio>
#include <string>

namespace iobench {

/// To standard output.
inline void say(const std::string& text) { std::fputs(text.c_str(), stdout); }

}  // namespace iobench

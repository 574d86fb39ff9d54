// Text for terminals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace iobench {

/// How wide what is printed may be: the terminal's width, from 60 to 120; 100 where there is no terminal.
std::size_t terminal_columns() noexcept;

/// How many columns it takes: the number of code points, as no wide ones are used here.
std::size_t columns_of(std::string_view text);

std::string padded_left(std::string_view text, std::size_t columns);
std::string padded_right(std::string_view text, std::size_t columns);

/// Lines of at most so many columns, broken at blanks; a longer word has a line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// Wrapped to terminal_columns(), every line behind `indent` blanks, with an end of line each.
std::string paragraph(std::string_view text, std::size_t indent);

enum class shade { plain, bold, dim, green, yellow };

/// With the escape sequences of a terminal, if they are wanted.
std::string shaded(std::string_view text, shade how, bool wanted);

}  // namespace iobench

// The command line.
#pragma once

namespace iobench {

/// What main() does unless this process is a child of itself. \return the exit status: 0, 2 for a mistake of the user,
/// 130 after Ctrl-C.
int command_line(int count, char** values);

}  // namespace iobench

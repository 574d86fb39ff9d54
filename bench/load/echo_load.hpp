#pragma once

namespace bench {

// The load generator for echo servers as a program's main(): what it does is told where it is written.
int echo_load_main(int count, char** values);

}  // namespace bench

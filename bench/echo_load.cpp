#include "load/echo_load.hpp"

int main(int count, char** values) { return bench::echo_load_main(count, values); }

// The sanitizers call these, if they exist, before main. What the environment says (ASAN_OPTIONS, ...) wins.
// Reports name functions and lines only if the symbolizer is found; Debian gives it a name with a version.

extern "C" {

const char* __asan_default_options();
const char* __ubsan_default_options();
const char* __tsan_default_options();

const char* __asan_default_options() { return "external_symbolizer_path=" PENSTOCK_SYMBOLIZER; }

const char* __ubsan_default_options() { return "external_symbolizer_path=" PENSTOCK_SYMBOLIZER ":print_stacktrace=1"; }

// One race is enough to fail; what follows it is mostly its consequence.
const char* __tsan_default_options() {
    return "external_symbolizer_path=" PENSTOCK_SYMBOLIZER ":halt_on_error=1:second_deadlock_stack=1";
}
}

// The sanitizers call these, if they exist, before main. What the environment says (ASAN_OPTIONS, ...) wins.
// Reports name functions and lines only if the symbolizer is found; Debian gives it a name with a version.

extern "C" {

const char* __asan_default_options();
const char* __ubsan_default_options();
const char* __tsan_default_options();
const char* __tsan_default_suppressions();

const char* __asan_default_options() { return "external_symbolizer_path=" PENSTOCK_SYMBOLIZER; }

const char* __ubsan_default_options() { return "external_symbolizer_path=" PENSTOCK_SYMBOLIZER ":print_stacktrace=1"; }

// One race is enough to fail; what follows it is mostly its consequence.
const char* __tsan_default_options() {
    return "external_symbolizer_path=" PENSTOCK_SYMBOLIZER ":halt_on_error=1:second_deadlock_stack=1";
}

// ThreadSanitizer keeps the thread that made each descriptor until it sees close(2). It does not see io_uring's close,
// and takes the next call on another thread that gets the same number for a race of both.
const char* __tsan_default_suppressions() {
    return "race_top:^pipe2$\nrace_top:^socket$\nrace_top:^socketpair$\nrace_top:^open$\nrace_top:^openat$\n"
           "race_top:^accept4$\nrace_top:^eventfd$\nrace_top:^epoll_create1$\n";
}
}

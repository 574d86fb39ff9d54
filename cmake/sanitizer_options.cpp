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
// and takes the next call on another thread that gets the same number for a race of both. The names are those of its
// own functions in front of the calls.
const char* __tsan_default_suppressions() {
    return "race_top:interceptor_pipe2$\nrace_top:interceptor_socket$\nrace_top:interceptor_socketpair$\n"
           "race_top:interceptor_open$\nrace_top:interceptor_openat$\nrace_top:interceptor_accept4$\n"
           "race_top:interceptor_eventfd$\nrace_top:interceptor_epoll_create1$\n";
}
}

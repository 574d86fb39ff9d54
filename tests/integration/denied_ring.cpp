// What a ring is made of denied, each piece in turn, by a shim under the library's calls: set-up flags, registrations,
// and every single opcode that the backend uses, the second forms of operations included. It goes without, says so, and
// a program does not notice. Exit status 77: no io_uring here.
#include "support/io_program.hpp"
#include <penstock/penstock.hpp>

#include <dlfcn.h>
#include <liburing.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace penstock;
using namespace penstock::testing;

namespace {

constexpr int skipped = 77;

// --- The shim: it is found before the libraries' own functions ------------------------------------------------

constexpr unsigned none = ~0U;
unsigned denied_flags = 0;
unsigned denied_registration = none;
std::string_view denied_function;
bool denies_ring_flags = false;  // of a ring of buffers
unsigned denied_opcode = none;
std::vector<unsigned> allowed_opcodes;  // as the library wanted them

template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// The library's list of what is allowed, without what is denied.
long restrict_further(long fd, const ::io_uring_restriction* list, long count) {
    std::vector<::io_uring_restriction> left;
    allowed_opcodes.clear();
    for (long i = 0; i < count; ++i) {
        const bool is_opcode = list[i].opcode == IORING_RESTRICTION_SQE_OP;
        if (is_opcode) allowed_opcodes.push_back(list[i].sqe_op);
        if (!is_opcode || list[i].sqe_op != denied_opcode) left.push_back(list[i]);
    }
    return real<long(long, ...)>("syscall")(SYS_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, left.data(),
                                            left.size());
}

}  // namespace

extern "C" {

int io_uring_queue_init_params(unsigned entries, struct io_uring* ring, struct io_uring_params* params) {
    if ((params->flags & denied_flags) != 0) return -EINVAL;
    return real<int(unsigned, struct io_uring*, struct io_uring_params*)>(__func__)(entries, ring, params);
}

int io_uring_register_buf_ring(struct io_uring* ring, struct io_uring_buf_reg* request, unsigned flags) {
    unsigned short request_flags = 0;  // a member without a name in liburing 2.3, behind the group
    std::memcpy(&request_flags, &request->bgid + 1, sizeof request_flags);
    if (denied_function == __func__ || (denies_ring_flags && request_flags != 0)) return -EINVAL;
    return real<int(struct io_uring*, struct io_uring_buf_reg*, unsigned)>(__func__)(ring, request, flags);
}

int io_uring_register_ring_fd(struct io_uring* ring) {
    if (denied_function == __func__) return -EINVAL;
    return real<int(struct io_uring*)>(__func__)(ring);
}

int io_uring_register_iowq_max_workers(struct io_uring* ring, unsigned* values) {
    if (denied_function == __func__) return -EINVAL;
    return real<int(struct io_uring*, unsigned*)>(__func__)(ring, values);
}

int io_uring_register_files_sparse(struct io_uring* ring, unsigned count) {
    if (denied_function == __func__) return -EINVAL;
    return real<int(struct io_uring*, unsigned)>(__func__)(ring, count);
}

int io_uring_register_buffers_sparse(struct io_uring* ring, unsigned count) {
    if (denied_function == __func__) return -ENOMEM;
    return real<int(struct io_uring*, unsigned)>(__func__)(ring, count);
}

long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a[6];
    for (long& each : a) each = va_arg(list, long);
    va_end(list);
    if (number == SYS_io_uring_register) {
        if (static_cast<unsigned>(a[1]) == denied_registration) {
            errno = EINVAL;
            return -1;
        }
        if (a[1] == IORING_REGISTER_RESTRICTIONS) {
            return restrict_further(a[0], reinterpret_cast<const ::io_uring_restriction*>(a[2]), a[3]);
        }
    }
    return real<long(long, ...)>("syscall")(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"

namespace {

// --- A loop that is denied something, and a program on it -----------------------------------------------------

std::string path;  // of a file that the program writes

/// With everything on that has opcodes of its own.
std::expected<std::unique_ptr<loop>, setup_error> make_loop(const uring_options& wanted) {
    loop_options options{.backend = "io_uring"};
    options.bounds.uring = wanted;
    options.bounds.zero_copy_from = 4096;
    return loop::create(options);
}

const feature_report* find_feature(loop& l, std::string_view name) {
    for (const feature_report& f : l.explain().features) {
        if (f.name == name) return &f;
    }
    return nullptr;
}

void run_program(const std::string& what, const uring_options& wanted, std::string_view off = {}) {
    const int before = failures;
    auto made = make_loop(wanted);
    if (!made) return expect(false, what + ": " + made.error().message);
    if (!off.empty()) {
        const feature_report* const found = find_feature(**made, off);
        expect(found != nullptr && !found->on && !found->detail.empty(), what + ": it is not told");
    }
    (*made)->run(program(path));
    std::printf("%s  %s\n", failures == before ? "ok  " : "FAIL", what.c_str());
    std::fflush(stdout);
}

struct flag {
    unsigned bit;
    const char* name;
    uring_options wanted = {};
};

void deny_flags() {
    const flag flags[] = {
        {IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN"},
        {IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER"},
        {IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN", {.task_work = uring_task_work::cooperative}},
        {IORING_SETUP_TASKRUN_FLAG, "TASKRUN_FLAG"},
        {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
        {IORING_SETUP_CQSIZE, "CQSIZE"},
        {IORING_SETUP_SQPOLL, "SQPOLL", {.submission_thread = true}},
        {IORING_SETUP_SQ_AFF, "SQ_AFF", {.submission_thread = true, .submission_thread_cpu = 0}},
        {IORING_SETUP_IOPOLL, "polled disks", {.poll_disks = true}},
    };
    unsigned all = 0;
    for (const flag& one : flags) {
        denied_flags = one.bit;
        all |= one.bit;
        run_program(std::string("without the flag of ") + one.name, one.wanted, one.name);
    }
    denied_flags = all;
    run_program("without any of them, as on the oldest kernel", {.submission_thread = true, .poll_disks = true},
                "SQPOLL");
    denied_flags = 0;
}

void deny_registrations() {
    constexpr struct {
        const char* function;
        const char* feature;
    } functions[] = {{"io_uring_register_buf_ring", "provided buffers"},
                     {"io_uring_register_ring_fd", "registered ring"},
                     {"io_uring_register_iowq_max_workers", "bounded workers"},
                     {"io_uring_register_files_sparse", ""},
                     {"io_uring_register_buffers_sparse", ""}};
    for (const auto& [function, feature] : functions) {
        denied_function = function;
        run_program(std::string("without ") + function, {}, feature);
    }
    denied_function = {};
    run_program("with buffers that are filled in parts", {.incremental_buffers = true});
    denies_ring_flags = true;
    run_program("without buffers that are filled in parts", {.incremental_buffers = true}, "incremental buffers");
    denies_ring_flags = false;
    constexpr unsigned napi = 27;
    constexpr unsigned memory_region = 34;
    denied_registration = napi;
    run_program("without registering NAPI", {.napi_busy_poll = std::chrono::microseconds(50)}, "NAPI busy polling");
    denied_registration = memory_region;
    run_program("without registering memory for waits", {.registered_wait = true}, "registered wait");
    denied_registration = IORING_REGISTER_RESTRICTIONS;
    auto refused = make_loop({.restricted = true});
    expect(!refused && refused.error().message.find("RESTRICTIONS") != std::string::npos,
           "a ring that is to be restricted and can't be is refused");
    denied_registration = none;
}

constexpr uring_options restricted{.restricted = true};

void deny_opcodes() {
    run_program("restricted to what is used", restricted);
    const std::vector<unsigned> used = allowed_opcodes;
    expect(used.size() > 15, "the list of what is used is " + std::to_string(used.size()) + " long");
    for (const unsigned opcode : used) {
        denied_opcode = opcode;
        const std::string what = "without opcode " + std::to_string(opcode);
        if (opcode != IORING_OP_POLL_ADD && opcode != IORING_OP_ASYNC_CANCEL) {
            run_program(what, restricted);
            continue;
        }
        const auto made = make_loop(restricted);
        expect(!made && !made.error().message.empty(), what + " there is no backend");
        if (!made) std::printf("ok    %s: %s\n", what.c_str(), made.error().message.c_str());
    }
    denied_opcode = none;
}

}  // namespace

int main() {
    ::alarm(120);  // a program that does not end is one that has failed
    if (const auto made = make_loop({}); !made) {
        std::printf("skipped: %s\n", made.error().message.c_str());
        return skipped;
    }
    char folder[] = "/tmp/denied_ring.XXXXXX";
    if (::mkdtemp(folder) == nullptr) return 1;
    path = std::string(folder) + "/file";
    deny_flags();
    deny_registrations();
    deny_opcodes();
    ::unlink(path.c_str());
    ::rmdir(folder);
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}

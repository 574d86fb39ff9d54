// How a ring is made: which flags, what is registered with it, what it may be asked for.
#include "backend/io_uring/ring.hpp"
#include "base/setup.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace penstock::detail {
namespace {

constexpr std::size_t page = 4096;

struct flag {
    unsigned bit;
    std::string_view name;
    std::string_view without;
};

// In the order in which a kernel that does not know them is relieved of them: the newest first.
constexpr flag dispensable[] = {
    {IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN", "completions are finished at whatever system call is next"},
    {IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER", "and without it no DEFER_TASKRUN"},
    {IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN", "the thread is interrupted to finish completions"},
    {IORING_SETUP_TASKRUN_FLAG, "TASKRUN_FLAG", "so COOP_TASKRUN and DEFER_TASKRUN are not used either"},
    {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL", "a submission that fails ends its batch; the rest goes with the next"},
    {IORING_SETUP_CQSIZE, "CQSIZE", "the completion queue is twice the submission queue, and overflows sooner"},
    {IORING_SETUP_SQ_AFF, "SQ_AFF", "the submission thread runs on any core"},
    {IORING_SETUP_SQPOLL, "SQPOLL", "submitting is a system call"},
};

std::string disabled_by_sysctl() {
    std::FILE* const file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re");
    if (file == nullptr) return {};
    const int value = std::fgetc(file);
    std::fclose(file);
    if (value != '1' && value != '2') return {};
    return std::string("; sysctl kernel.io_uring_disabled is ") + static_cast<char>(value) + ", set it to 0";
}

setup_error ring_failure(int error) {
    setup_error e = setup_failure("io_uring_setup", error);
    if (error == EPERM) e.message += disabled_by_sysctl();
    if (error == ENOMEM) e.message += "; raise the locked-memory limit (ulimit -l) or use fewer entries";
    return e;
}

/// What is asked for. Of COOP and DEFER, which exclude each other, both: compatible() takes the better one.
unsigned wanted_flags(const ring_request& request) noexcept {
    const uring_options& options = request.options;
    unsigned flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER;
    if (options.submission_thread && !request.polls_disks) {
        return flags | IORING_SETUP_SQPOLL | (options.submission_thread_cpu >= 0 ? IORING_SETUP_SQ_AFF : 0U);
    }
    if (options.task_work == uring_task_work::interrupting) return flags;
    flags |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    if (options.task_work == uring_task_work::deferred) flags |= IORING_SETUP_DEFER_TASKRUN;
    return flags;
}

/// Without what makes no sense without what is missing.
unsigned compatible(unsigned flags) noexcept {
    const auto without = [&flags](unsigned these) { flags &= ~these; };
    if ((flags & IORING_SETUP_SQPOLL) == 0) without(IORING_SETUP_SQ_AFF);
    if ((flags & IORING_SETUP_SINGLE_ISSUER) == 0) without(IORING_SETUP_DEFER_TASKRUN);
    if ((flags & IORING_SETUP_TASKRUN_FLAG) == 0) without(IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN);
    if ((flags & IORING_SETUP_DEFER_TASKRUN) != 0) without(IORING_SETUP_COOP_TASKRUN);
    if ((flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)) == 0) without(IORING_SETUP_TASKRUN_FLAG);
    return flags;
}

std::string why_off(int error) { return std::string("the kernel refuses it: ") + std::strerror(error); }

std::uint32_t microseconds(duration time) noexcept {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, 1'000'000'000));
}

}  // namespace

ring::~ring() {
    if (there_) ::io_uring_queue_exit(&ring_);
    if (registered_wait_ != nullptr) ::munmap(registered_wait_, page);
}

// --- Flags -------------------------------------------------------------------------------------------------

int ring::try_flags(unsigned flags, const ring_request& request) noexcept {
    const uring_options& options = request.options;
    params_ = {};
    params_.flags = flags | IORING_SETUP_CLAMP | (request.polls_disks ? IORING_SETUP_IOPOLL : 0U);
    if (!request.forbidden.empty() || options.restricted || options.registered_wait) {
        params_.flags |= IORING_SETUP_R_DISABLED;
    }
    if ((flags & IORING_SETUP_CQSIZE) != 0) params_.cq_entries = std::max(request.completions, request.entries);
    if ((flags & IORING_SETUP_SQPOLL) != 0) {
        using namespace std::chrono;
        params_.sq_thread_idle =
            static_cast<__u32>(std::max<std::int64_t>(ceil<milliseconds>(options.submission_thread_idle).count(), 1));
    }
    if ((flags & IORING_SETUP_SQ_AFF) != 0) params_.sq_thread_cpu = static_cast<__u32>(options.submission_thread_cpu);
    return ::io_uring_queue_init_params(std::max(request.entries, 2U), &ring_, &params_);
}

// Each flag that a kernel does not know costs a feature, not the ring. It does not say which one: so first each alone,
// since a policy may have something against one, then more and more of them, as an older kernel knows fewer.
int ring::init(const ring_request& request) noexcept {
    const unsigned all = wanted_flags(request);
    int r = try_flags(compatible(all), request);
    if (r != -EINVAL) return r;
    for (const flag& one : dispensable) {
        if ((all & one.bit) == 0) continue;
        r = try_flags(compatible(all & ~one.bit), request);
        if (r != -EINVAL) return r;
    }
    unsigned left = all;
    for (const flag& next : dispensable) {
        left &= ~next.bit;
        r = try_flags(compatible(left), request);
        if (r != -EINVAL) return r;
    }
    return r;
}

void ring::report_flags(const ring_request& request) {
    const unsigned wanted = wanted_flags(request);
    for (const flag& one : dispensable) {
        const bool on = (params_.flags & one.bit) != 0;
        std::string detail;
        if (on) {
            detail = "";
        } else if ((wanted & one.bit) == 0) {
            detail = "not asked for";
        } else if (one.bit == IORING_SETUP_COOP_TASKRUN && (params_.flags & IORING_SETUP_DEFER_TASKRUN) != 0) {
            detail = "DEFER_TASKRUN is on, which goes further";
        } else {
            detail = "the kernel refuses it: " + std::string(one.without);
        }
        features_.push_back({one.name, on, std::move(detail)});
    }
}

void ring::report(std::string_view name, int error, std::string detail_if_on) {
    features_.push_back({name, error == 0, error == 0 ? std::move(detail_if_on) : why_off(error)});
}

// --- Setting up --------------------------------------------------------------------------------------------

std::expected<void, setup_error> ring::set_up(const ring_request& request) {
    if (const int r = init(request); r < 0) return std::unexpected(ring_failure(-r));
    there_ = true;
    // Waiting with a time limit, completions that are never dropped, entries that may be reused once taken.
    constexpr unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE;
    if ((params_.features & needed) != needed) {
        return std::unexpected(setup_error{std::make_error_code(std::errc::function_not_supported),
                                           "io_uring of this kernel is too old (5.11 is the first that will do)"});
    }
    report_flags(request);
    if (::io_uring_probe* const known = ::io_uring_get_probe_ring(&ring_); known != nullptr) {
        last_opcode_ = known->last_op;
        ::io_uring_free_probe(known);
    }
    submission_thread_ = (params_.flags & IORING_SETUP_SQPOLL) != 0;
    // What 2.3 writes at each submission is written once: entry n of the array is entry n of the queue.
    for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;
    ::io_uring_ring_dontfork(&ring_);  // a child must not share the queues
    // Workers of the kernel's own pool: each is a kernel thread of this process, so their number is bounded.
    unsigned workers[2] = {std::max(request.options.bounded_workers, 1U),
                           std::max(request.options.unbounded_workers, 1U)};
    const int bounded = ::io_uring_register_iowq_max_workers(&ring_, workers);
    report("bounded workers", -bounded,
           std::to_string(request.options.bounded_workers) + " for disks, " +
               std::to_string(request.options.unbounded_workers) + " for what may wait for ever");
    const bool by_index = ::io_uring_register_ring_fd(&ring_) == 1;
    if (by_index) enter_flags_ |= IORING_ENTER_REGISTERED_RING;
    report("registered ring", by_index ? 0 : EINVAL, "");
    if ((params_.features & IORING_FEAT_NO_IOWAIT) != 0) enter_flags_ |= IORING_ENTER_NO_IOWAIT;
    report("no iowait", (params_.features & IORING_FEAT_NO_IOWAIT) != 0 ? 0 : EINVAL, "waiting is not a disk's");
    prepare_waiting(request.options);
    poll_network(request.options);
    return {};
}

/// By raw system call: much of this liburing 2.3 does not know, or declares and does not export.
int ring::tell(unsigned what, const void* argument, unsigned count) noexcept {
    return ::syscall(__NR_io_uring_register, ring_.ring_fd, what, argument, count) < 0 ? errno : 0;
}

void ring::prepare_waiting(const uring_options& options) {
    if (options.batch_completions <= 1 || options.batch_time <= duration{0}) {
        features_.push_back({"batched waiting", false, "not asked for"});
    } else if (submission_thread_) {
        // Kernels before the end of 2025 sleep on there when a completion comes after the least time.
        features_.push_back({"batched waiting", false, "not beside a submission thread"});
    } else {
        const bool can = (params_.features & IORING_FEAT_MIN_TIMEOUT) != 0;
        if (can) {
            batch_microseconds_ = std::max(microseconds(options.batch_time), 1U);
            batch_ = {std::min(options.batch_completions, ring_.cq.ring_entries),
                      std::chrono::microseconds(batch_microseconds_), options.batch_adapts};
        }
        report("batched waiting", can ? 0 : EINVAL,
               std::to_string(batch_.most()) + " completions or " + std::to_string(batch_microseconds_) + " us" +
                   (options.batch_adapts ? ", while many come" : ""));
    }
    if (options.registered_wait) {
        report("registered wait", map_wait_argument(), "");
    } else {
        features_.push_back({"registered wait", false, "not asked for"});
    }
    if (options.spin > duration{0}) {
        if (submission_thread_) spin_ = options.spin;
        features_.push_back({"spin", submission_thread_,
                             submission_thread_ ? std::to_string(microseconds(spin_)) + " us before sleeping"
                                                : "needs a submission thread: else completions come by entering"});
    }
}

int ring::map_wait_argument() noexcept {
    void* const memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno;
    ::madvise(memory, page, MADV_DONTFORK);
    std::memset(memory, 0, page);
    const region_description description{
        .user_addr = reinterpret_cast<std::uintptr_t>(memory), .size = page, .flags = region_is_ours};
    const region_request request{.description = reinterpret_cast<std::uintptr_t>(&description),
                                 .flags = region_for_waits};
    const int error = tell(register_mem_region, &request, 1);
    if (error != 0) {
        ::munmap(memory, page);
        return error;
    }
    registered_wait_ = static_cast<wait_argument*>(memory);
    return 0;
}

void ring::poll_network(const uring_options& options) {
    if (options.napi_busy_poll <= duration{0}) {
        features_.push_back({"NAPI busy polling", false, "not asked for"});
        return;
    }
    const napi_request request{.busy_poll_to = microseconds(options.napi_busy_poll),
                               .prefer_busy_poll = static_cast<std::uint8_t>(options.napi_prefer_busy_poll ? 1 : 0)};
    const int error = tell(register_napi, &request, 1);
    report("NAPI busy polling", error, std::to_string(request.busy_poll_to) + " us; on sockets of cards that have it");
}

// --- Restrictions ------------------------------------------------------------------------------------------

std::expected<void, setup_error> ring::start(const ring_request& request) {
    const bool restricts = !request.forbidden.empty() || request.options.restricted;
    if (restricts) {
        std::vector<std::uint8_t> registrations;
        if (request.options.restricted) {
            registrations = {IORING_REGISTER_FILES_UPDATE, IORING_REGISTER_FILES2, IORING_REGISTER_BUFFERS2,
                             IORING_REGISTER_BUFFERS_UPDATE};
        } else {
            for (unsigned op = 0; op < IORING_REGISTER_LAST; ++op) registrations.push_back(static_cast<__u8>(op));
        }
        if (const int error = restrict_to(allowed_opcodes(request), registrations); error != 0) {
            return std::unexpected(setup_failure("io_uring_register(IORING_REGISTER_RESTRICTIONS)", error));
        }
    }
    features_.push_back({"restrictions", request.options.restricted,
                         request.options.restricted ? "only what this backend uses" : "not asked for"});
    if ((params_.flags & IORING_SETUP_R_DISABLED) == 0) return {};
    const int error = tell(IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (error != 0) return std::unexpected(setup_failure("io_uring_register(IORING_REGISTER_ENABLE_RINGS)", error));
    return {};
}

std::vector<std::uint8_t> ring::allowed_opcodes(const ring_request& request) {
    std::vector<std::uint8_t> allowed;
    const auto has = [](const std::vector<std::uint8_t>& list, unsigned op) {
        return std::find(list.begin(), list.end(), op) != list.end();
    };
    for (unsigned op = 0; last_opcode_ != 0 && op <= last_opcode_; ++op) {
        if (has(request.forbidden, op) || (request.options.restricted && !has(request.used, op))) continue;
        allowed.push_back(static_cast<std::uint8_t>(op));
    }
    return allowed;
}

// The kernel's restrictions are a list of what is allowed.
int ring::restrict_to(const std::vector<std::uint8_t>& opcodes, const std::vector<std::uint8_t>& registrations) {
    if (opcodes.empty()) return ENOSYS;  // it does not say what it knows
    std::vector<::io_uring_restriction> allowed;
    for (const std::uint8_t op : opcodes) {
        ::io_uring_restriction entry{};
        entry.opcode = IORING_RESTRICTION_SQE_OP;
        entry.sqe_op = op;
        allowed.push_back(entry);
    }
    for (const std::uint8_t op : registrations) {
        ::io_uring_restriction entry{};
        entry.opcode = IORING_RESTRICTION_REGISTER_OP;
        entry.register_op = op;
        allowed.push_back(entry);
    }
    ::io_uring_restriction entry_flags{};
    entry_flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    entry_flags.sqe_flags = 0xff;
    allowed.push_back(entry_flags);
    return tell(IORING_REGISTER_RESTRICTIONS, allowed.data(), static_cast<unsigned>(allowed.size()));
}

}  // namespace penstock::detail

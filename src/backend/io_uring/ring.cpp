#include "backend/io_uring/ring.hpp"

#include "base/setup.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace penstock::detail {
namespace {

// Workers of the kernel's own pool: each is a kernel thread of this process, so their number is bounded.
constexpr unsigned most_bounded_workers = 16;
constexpr unsigned most_unbounded_workers = 64;

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

}  // namespace

ring::~ring() {
    if (there_) ::io_uring_queue_exit(&ring_);
}

// Newest first: each flag that a kernel does not know costs a feature, not the ring.
int ring::init(std::uint32_t entries, ::io_uring_params& params) noexcept {
    const unsigned always = params.flags;
    const unsigned wanted[] = {
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_CQSIZE,
        0,
    };
    const std::uint32_t completions = params.cq_entries;
    int r = -EINVAL;
    for (const unsigned flags : wanted) {
        params = {};
        params.flags = always | flags;
        if ((flags & IORING_SETUP_CQSIZE) != 0) params.cq_entries = completions;
        r = ::io_uring_queue_init_params(entries, &ring_, &params);
        if (r != -EINVAL) return r;
    }
    return r;
}

std::expected<void, setup_error> ring::set_up(std::uint32_t entries, std::uint32_t completions,
                                              const std::vector<std::uint8_t>& forbidden) {
    ::io_uring_params params{};
    params.flags = IORING_SETUP_CLAMP | (forbidden.empty() ? 0U : IORING_SETUP_R_DISABLED);
    params.cq_entries = std::max(completions, entries);
    const int r = init(std::max(entries, 2U), params);
    if (r < 0) return std::unexpected(ring_failure(-r));
    there_ = true;
    // Waiting with a time limit, completions that are never dropped, entries that may be reused once taken.
    constexpr unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE;
    if ((params.features & needed) != needed) {
        return std::unexpected(setup_error{std::make_error_code(std::errc::function_not_supported),
                                           "io_uring of this kernel is too old (5.11 is the first that will do)"});
    }
    // What 2.3 writes at each submission is written once: entry n of the array is entry n of the queue.
    for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;
    if (!forbidden.empty()) {
        if (const int error = restrict_to_all_but(forbidden); error != 0) {
            return std::unexpected(setup_failure("io_uring_register(IORING_REGISTER_RESTRICTIONS)", error));
        }
    }
    ::io_uring_ring_dontfork(&ring_);  // a child must not share the queues
    unsigned workers[2] = {most_bounded_workers, most_unbounded_workers};
    ::io_uring_register_iowq_max_workers(&ring_, workers);
    if (::io_uring_register_ring_fd(&ring_) == 1) enter_flags_ |= IORING_ENTER_REGISTERED_RING;
    if ((params.features & IORING_FEAT_NO_IOWAIT) != 0) enter_flags_ |= IORING_ENTER_NO_IOWAIT;
    return {};
}

// The kernel's restrictions are a list of what is allowed, so everything that it knows but the forbidden is listed.
int ring::restrict_to_all_but(const std::vector<std::uint8_t>& forbidden) {
    const std::unique_ptr<::io_uring_probe, decltype(&::io_uring_free_probe)> known(::io_uring_get_probe_ring(&ring_),
                                                                                    ::io_uring_free_probe);
    if (known == nullptr) return ENOSYS;
    std::vector<::io_uring_restriction> allowed;
    for (unsigned op = 0; op <= known->last_op; ++op) {
        if (std::find(forbidden.begin(), forbidden.end(), op) != forbidden.end()) continue;
        ::io_uring_restriction entry{};
        entry.opcode = IORING_RESTRICTION_SQE_OP;
        entry.sqe_op = static_cast<__u8>(op);
        allowed.push_back(entry);
    }
    for (unsigned op = 0; op < IORING_REGISTER_LAST; ++op) {
        ::io_uring_restriction entry{};
        entry.opcode = IORING_RESTRICTION_REGISTER_OP;
        entry.register_op = static_cast<__u8>(op);
        allowed.push_back(entry);
    }
    ::io_uring_restriction flags{};
    flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    flags.sqe_flags = 0xff;
    allowed.push_back(flags);
    // By raw system call: the library of 2.3 declares these two but does not export them.
    const auto tell = [this](unsigned what, void* argument, std::size_t count) {
        return ::syscall(__NR_io_uring_register, ring_.ring_fd, what, argument, count) < 0 ? errno : 0;
    };
    const int error = tell(IORING_REGISTER_RESTRICTIONS, allowed.data(), allowed.size());
    return error != 0 ? error : tell(IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

// As liburing's own flush, which is not public; entering ourselves allows flags that 2.3 does not know.
unsigned ring::publish_submissions() noexcept {
    auto& sq = ring_.sq;
    sq.sqe_head = sq.sqe_tail;
    __atomic_store_n(sq.ktail, sq.sqe_tail, __ATOMIC_RELEASE);
    return sq.sqe_tail - __atomic_load_n(sq.khead, __ATOMIC_ACQUIRE);
}

int ring::enter(unsigned least, const ::timespec* limit) noexcept {
    const unsigned count = publish_submissions();
    ++enters_;
    unsigned flags = enter_flags_ | IORING_ENTER_GETEVENTS;
    ::io_uring_getevents_arg argument{};
    const void* extra = nullptr;
    std::size_t extra_size = 0;
    if (least != 0 && limit != nullptr) {
        static_assert(sizeof(::timespec) == sizeof(::__kernel_timespec));
        argument.ts = reinterpret_cast<std::uintptr_t>(limit);
        flags |= IORING_ENTER_EXT_ARG;
        extra = &argument;
        extra_size = sizeof argument;
    }
    const long r = ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, count, least, flags, extra, extra_size);
    return r < 0 ? -errno : static_cast<int>(r);
}

int ring::submit() noexcept {
    const unsigned count = publish_submissions();
    if (count == 0) return 0;
    ++enters_;
    const unsigned flags = enter_flags_ & ~IORING_ENTER_NO_IOWAIT;
    const long r = ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, count, 0, flags, nullptr, 0);
    return r < 0 ? -errno : static_cast<int>(r);
}

}  // namespace penstock::detail

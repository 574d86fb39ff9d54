#include "support/faults.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace penstock::testing {
namespace {

constexpr std::array<std::pair<std::string_view, fault>, 8> names{{
    {"none", fault::none},
    {"short_transfers", fault::short_transfers},
    {"interrupted", fault::interrupted},
    {"again", fault::again},
    {"no_buffers", fault::no_buffers},
    {"tiny_queues", fault::tiny_queues},
    {"full_signal_queue", fault::full_signal_queue},
    {"no_aio_slots", fault::no_aio_slots},
}};
constexpr std::uint64_t one_in = 8;
// Queued for this user. Enough for a few events, so that the rest overflows; and the queue is one of those that may be
// tiny.
constexpr ::rlim_t hardly_any_signals = 4;
constexpr ::rlim_t few_signals = 64;

std::atomic<fault> at_work{fault::none};
std::atomic<std::uint64_t> case_seed{0};
std::atomic<std::uint32_t> case_number{0};
std::atomic<std::uint32_t> threads_seen{0};
std::atomic<fault_point*> points{nullptr};

struct sequence {
    std::uint32_t of_case = 0;
    std::uint64_t state = 0;
};
thread_local constinit sequence own;

std::string_view from_environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : value;
}

std::uint64_t mixed(std::uint64_t x) noexcept {  // splitmix64
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

std::uint64_t seed_of(std::string_view name) {
    const std::string given(from_environment("PENSTOCK_TEST_SEED"));
    std::uint64_t seed = mixed(given.empty() ? 1 : std::strtoull(given.c_str(), nullptr, 0));
    for (const char c : name) seed = mixed(seed ^ static_cast<unsigned char>(c));
    return seed;
}

/// For as long as a case runs.
class queued_signals_limit {
  public:
    void lower(::rlim_t most) {
        ::getrlimit(RLIMIT_SIGPENDING, &before_);
        const ::rlimit low{.rlim_cur = std::min(most, before_.rlim_cur), .rlim_max = before_.rlim_max};
        ::setrlimit(RLIMIT_SIGPENDING, &low);
    }
    void restore() { ::setrlimit(RLIMIT_SIGPENDING, &before_); }

  private:
    ::rlimit before_{};
};
queued_signals_limit queued_signals;

}  // namespace

std::optional<fault> wanted_fault() {
    const std::string_view wanted = from_environment("PENSTOCK_TEST_FAULT");
    if (wanted.empty()) return fault::none;
    for (const auto& [name, value] : names) {
        if (name == wanted) return value;
    }
    return std::nullopt;
}

std::string fault_names() {
    std::string all;
    for (const auto& [name, value] : names) all += (all.empty() ? "" : ", ") + std::string(name);
    return all;
}

void begin_faults(std::string_view name) {
    case_seed = seed_of(name);
    threads_seen = 0;
    ++case_number;
    at_work = wanted_fault().value_or(fault::none);
    if (at_work == fault::full_signal_queue) queued_signals.lower(hardly_any_signals);
    if (at_work == fault::tiny_queues) queued_signals.lower(few_signals);
}

void end_faults() {
    const fault ended = at_work.exchange(fault::none);
    if (ended == fault::full_signal_queue || ended == fault::tiny_queues) queued_signals.restore();
}

std::uint64_t random_number() noexcept {
    if (own.of_case != case_number) own = {case_number, mixed(case_seed + threads_seen++)};
    return mixed(++own.state);
}

bool fault_point::strikes() noexcept {
    if (at_work.load(std::memory_order_relaxed) != what_) return false;
    enlist();
    asked_.fetch_add(1, std::memory_order_relaxed);
    if (random_number() % one_in != 0) return false;
    struck_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void fault_point::note(std::uint64_t times) noexcept {
    if (at_work.load(std::memory_order_relaxed) != what_) return;
    enlist();
    asked_.fetch_add(times, std::memory_order_relaxed);
    struck_.fetch_add(times, std::memory_order_relaxed);
}

void fault_point::enlist() noexcept {
    if (enlisted_.exchange(true)) return;
    next_ = points.load();
    while (!points.compare_exchange_weak(next_, this)) {
    }
}

namespace {

/// Says at the end how often the fault struck, and fails if it never did: then the row has tested nothing.
class fault_report final : public ::testing::Environment {
    void TearDown() override {
        const fault wanted = wanted_fault().value_or(fault::none);
        if (wanted == fault::none) return;
        std::uint64_t all = 0;
        std::string where;
        for (const fault_point* p = points; p != nullptr; p = p->next()) {
            all += p->struck();
            where += "; " + std::string(p->name()) + " " + std::to_string(p->struck());
            if (p->asked() != p->struck()) where += " of " + std::to_string(p->asked());
        }
        std::printf("[  FAULTS  ] %s struck %llu times%s\n",
                    std::string(from_environment("PENSTOCK_TEST_FAULT")).c_str(), static_cast<unsigned long long>(all),
                    where.c_str());
        const ::testing::UnitTest& ran = *::testing::UnitTest::GetInstance();
        const bool enough = ran.test_to_run_count() - ran.skipped_test_count() >= 10;
        EXPECT_FALSE(all == 0 && enough) << "the fault never struck, so nothing was tested";
    }
};

[[maybe_unused]] ::testing::Environment* const report = ::testing::AddGlobalTestEnvironment(new fault_report);

}  // namespace
}  // namespace penstock::testing

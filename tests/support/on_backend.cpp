#include "support/on_backend.hpp"

#include "support/faults.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>

namespace penstock::testing {
namespace {

constexpr std::uint16_t few_buffers = 8;  // as many as two streams may hold

std::string_view from_environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : value;
}

/// What a backend's name, with all that it may say, comes to here. Found by trying, once for each name.
struct finding {
    bool known;
    std::string why_not;  ///< empty if it works
    capability_table capabilities;
};

finding try_backend(const std::string& name) {
    loop_options wanted;
    wanted.backend = name;
    const auto made = loop::create(std::move(wanted));
    if (made) return {.known = true, .why_not = {}, .capabilities = (*made)->explain().capabilities};
    const bool known = made.error().code != std::errc::invalid_argument;
    return {.known = known, .why_not = made.error().message, .capabilities = {}};
}

const finding& find_backend(const std::string& name) {
    static std::map<std::string, finding> found;
    const auto at = found.find(name);
    return at != found.end() ? at->second : found.emplace(name, try_backend(name)).first->second;
}

constinit fault_point pool_exhausted("an empty buffer pool", fault::no_buffers);
constinit fault_point queue_full("a full queue", fault::tiny_queues);
constinit fault_point queue_overflowed("an overflow of completions", fault::tiny_queues);
constinit fault_point signals_overflowed("an overflow of signals", fault::full_signal_queue);
constinit fault_point budget_spent("a spent budget", fault::tiny_queues);

/// What a loop has met of the faults that are bounds.
void note_faults(const loop_statistics& s) {
    pool_exhausted.note(s.buffers.exhausted + s.parked);
    queue_full.note(s.busy + s.slot_waits + s.worker_refused);
    queue_overflowed.note(s.overflows);
    signals_overflowed.note(s.overflows);
    budget_spent.note(s.budget_exhausted + s.immediate_deferred);
}

/// Lets background closes end. By the clock, since the kernel may take its time; it takes none in the usual case.
task<> let_everything_end() {
    for (int i = 0; i < 5000; ++i) {
        const loop_statistics s = current_loop->statistics();
        if (s.in_flight == 0 && s.records == 0) co_return;
        if (i < 50) {
            co_await yield();
        } else {
            static_cast<void>(co_await sleep_for(std::chrono::milliseconds(1)));
        }
    }
}

}  // namespace

std::vector<std::string> tested_backends() {
    std::string_view list = from_environment("PENSTOCK_TEST_BACKENDS");
    std::vector<std::string> names;
    if (list.empty()) {
        for (const std::string_view name : backend_names()) {
            if (name != "null") names.emplace_back(name);
        }
        return names;
    }
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        names.emplace_back(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return names;
}

std::string as_test_name(std::string_view backend) {
    std::string name(backend);
    std::replace_if(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

std::vector<std::string> open_descriptors() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;  // the directory's own is
        const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
        if (target.find("/proc/") != 0 && !gone) names.push_back(entry.path().filename().string() + " -> " + target);
    }
    std::sort(names.begin(), names.end());
    return names;
}

void on_backend::SetUp() {
    ASSERT_TRUE(wanted_fault()) << "PENSTOCK_TEST_FAULT=" << from_environment("PENSTOCK_TEST_FAULT")
                                << " is unknown; choose one of " << fault_names();
    const finding& found = find_backend(backend());
    ASSERT_TRUE(found.known) << "PENSTOCK_TEST_BACKENDS: " << found.why_not;
    if (!found.why_not.empty()) GTEST_SKIP() << found.why_not;
    const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    open_before_ = open_descriptors();
    const std::string name = std::string(test->test_suite_name()) + "." + test->name();
    watchdog::instance().start(name);
    begin_faults(name);
}

void on_backend::TearDown() {
    watchdog::instance().stop();
    end_faults();
    if (!find_backend(backend()).why_not.empty()) return;
    EXPECT_EQ(open_descriptors(), open_before_) << "descriptors leak";
}

const capability_table& on_backend::capabilities() const { return find_backend(backend()).capabilities; }

loop_options on_backend::options() const {
    loop_options wanted;
    wanted.backend = backend();
    if (wanted_fault() == fault::no_buffers) wanted.buffers.count = few_buffers;
    if (wanted_fault() == fault::tiny_queues) {
        wanted.bounds.queue_entries = 2;
        wanted.bounds.completion_entries = 4;
        wanted.bounds.aio_slots = 8;
        wanted.turn_budget = 3;
        wanted.immediate_budget = 2;
        wanted.worker_threads = 1;
        wanted.worker_queue = 2;
    }
    return wanted;
}

std::unique_ptr<loop> on_backend::make_loop(loop_options wanted) const {
    auto made = loop::create(std::move(wanted));
    if (made) return std::move(*made);
    ADD_FAILURE() << made.error().message;
    return nullptr;
}

void on_backend::expect_idle(loop& l) {
    l.run(let_everything_end());
    const loop_statistics s = l.statistics();
    const bool idle = s.in_flight == 0 && s.records == 0 && s.waiting_for_space == 0 && s.timers == 0 &&
                      s.frames.in_use == 0 && s.offloaded == 0;
    note_faults(s);
    EXPECT_TRUE(idle) << "the loop is not idle:\n" << describe(s);
}

std::size_t on_backend::scaled(std::size_t wanted, std::size_t waits_each, std::size_t descriptors_each) const {
    if (const std::uint32_t most = capabilities().most_waiting; most != 0) {
        wanted = std::min(wanted, (most - 8) / waits_each);
    }
    ::rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    std::size_t may_be_open = descriptors.rlim_cur;
    if (const std::uint32_t most = capabilities().most_descriptors; most != 0) {
        may_be_open = std::min<std::size_t>(may_be_open, most);
    }
    return std::min(wanted, (may_be_open - 100) / descriptors_each);
}

bool on_backend::full_scale() { return from_environment("PENSTOCK_TEST_SCALE") == "full"; }

}  // namespace penstock::testing

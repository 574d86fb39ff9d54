// The fixture of the conformance suite: one backend, fresh loops on it, nothing left behind.
//
//     using streams = on_backend;
//     TEST_P(streams, tells_the_end) {
//         run([]() -> task<> { ... co_await ...; });
//     }
//     PENSTOCK_ON_EVERY_BACKEND(streams);
//
// PENSTOCK_TEST_BACKENDS (a comma list; default: all) says which backends, PENSTOCK_TEST_FAULT under which fault
// (support/faults.hpp), PENSTOCK_TEST_SCALE=full makes the big cases bigger.
#pragma once

#include "support/traffic.hpp"
#include "support/watchdog.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::testing {

/// Of a case that is skipped because of capability_table::own_world.
inline constexpr const char* own_world = "its world is its own: no descriptors and no real time of this machine there";

class on_backend : public ::testing::TestWithParam<std::string> {
  protected:
    void SetUp() override;
    void TearDown() override;

    const std::string& backend() const { return GetParam(); }
    /// What the backend found on this machine.
    const capability_table& capabilities() const;
    /// Options of a loop on this backend, for a case to change.
    loop_options options() const;

    /// A loop that the case drives itself.
    std::unique_ptr<loop> make_loop(loop_options wanted) const;
    std::unique_ptr<loop> make_loop() const { return make_loop(options()); }

    /// Runs `body()`, which returns a task, on a fresh loop; then expects that nothing is left in it. An exception,
    /// such as of must(), fails the case.
    template <class Body>
    void run(loop_options wanted, Body body) {
        const std::unique_ptr<loop> l = make_loop(std::move(wanted));
        if (l == nullptr) return;
        run_on(*l, body);
    }
    template <class Body>
    void run(Body body) {
        run(options(), std::move(body));
    }
    template <class Body>
    void run_on(loop& l, Body& body) {
        const watched watching(l);
        try {
            l.run(body());
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
        expect_idle(l);
    }

    /// Waits until what was dropped has ended, and expects that nothing is left.
    static void expect_idle(loop& l);

    /// At most `wanted`, so that `waits_each` waiting operations of each fit the backend, and `descriptors_each`
    /// the process.
    std::size_t scaled(std::size_t wanted, std::size_t waits_each, std::size_t descriptors_each = 2) const;
    static bool full_scale();

  private:
    std::vector<std::string> open_before_;
};

/// The backends to test, in the registry's order.
std::vector<std::string> tested_backends();
/// A backend's name as GoogleTest allows it in that of a test.
std::string as_test_name(std::string_view backend);
/// What each descriptor of this process names.
std::vector<std::string> open_descriptors();

}  // namespace penstock::testing

#define PENSTOCK_ON_EVERY_BACKEND(suite)                                                             \
    INSTANTIATE_TEST_SUITE_P(on, suite, ::testing::ValuesIn(::penstock::testing::tested_backends()), \
                             [](const auto& of) { return ::penstock::testing::as_test_name(of.param); })

#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

namespace penstock {
namespace {

using namespace testing;

/// Leaves no descriptor to be had.
class no_descriptors {
  public:
    no_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const ::rlimit low{.rlim_cur = 64, .rlim_max = before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &low);
        for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken_.push_back(fd);
    }
    ~no_descriptors() {
        for (const int fd : taken_) ::close(fd);
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    no_descriptors(const no_descriptors&) = delete;
    no_descriptors& operator=(const no_descriptors&) = delete;

  private:
    ::rlimit before_{};
    std::vector<int> taken_;
};

class listener_closing : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(on, listener_closing, ::testing::Values("io_uring", "epoll", "linux_aio", "threads", "sigio"),
                         [](const auto& of) { return std::string(of.param); });

// The shortage may be known, be waiting to be heard, or come with the close; none of them may leave a timer behind.
TEST_P(listener_closing, ends_one_that_ran_out_of_descriptors) {
    auto made = loop::create({.backend = GetParam()});
    if (!made) GTEST_SKIP() << made.error().message;
    (*made)->run([]() -> task<> {
        for (const int after : {0, 1, 2, 3, 5}) {
            auto door = must(co_await net::listen(endpoint::loopback(0)));
            const endpoint where = must(co_await door.local_endpoint());
            std::optional<net::stream> peer = must(co_await net::connect(where));
            co_await with_scope([&](scope& s) -> task<> {
                const no_descriptors shortage;
                std::optional<result<net::stream>> accepted;
                spawn(s, keep(accept_from(door), accepted));
                co_await turns(after);
                must(co_await door.close());
                co_await s.join();
                EXPECT_TRUE(accepted.has_value());
                co_await sleep_for(120ms);  // longer than it pauses
            });
        }
    }());
}

}  // namespace
}  // namespace penstock

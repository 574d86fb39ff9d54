#include "backend/backend_name.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace penstock::detail {
namespace {

constexpr std::array<mechanism, 3> all{
    mechanism{.name = "plain", .description = "", .automatic = true, .create = nullptr},
    mechanism{.name = "told",
              .description = "",
              .automatic = true,
              .by_readiness = true,
              .triggers = true,
              .create = nullptr},
    mechanism{.name = "diced", .description = "", .automatic = false, .seeded = true, .create = nullptr},
};

std::string complaint(std::string_view name) {
    backend_options options;
    const auto found = parse_backend_name(name, all, options);
    return found ? "none" : found.error().message;
}

TEST(backend_name, names_a_mechanism) {
    backend_options options;
    const auto found = parse_backend_name("plain", all, options);
    ASSERT_TRUE(found);
    EXPECT_EQ((*found)->name, "plain");
    EXPECT_EQ(options.trigger, epoll_trigger::edge);
}

TEST(backend_name, may_say_more) {
    backend_options options;
    ASSERT_TRUE(parse_backend_name("told:level:exclusive+threads", all, options));
    EXPECT_EQ(options.trigger, epoll_trigger::level);
    EXPECT_TRUE(options.exclusive_accept);
    EXPECT_EQ(options.files, file_engine::threads);
}

TEST(backend_name, may_say_who_does_the_work_on_files) {
    for (const auto& [name, engine] :
         {std::pair("told+threads", file_engine::threads), std::pair("told+posix_aio", file_engine::posix_aio),
          std::pair("told:edge+linux_aio", file_engine::linux_aio)}) {
        backend_options options;
        ASSERT_TRUE(parse_backend_name(name, all, options)) << name;
        EXPECT_EQ(options.files, engine) << name;
    }
}

TEST(backend_name, what_it_does_not_say_stays) {
    backend_options options{.trigger = epoll_trigger::one_shot};
    ASSERT_TRUE(parse_backend_name("told+threads", all, options));
    EXPECT_EQ(options.trigger, epoll_trigger::one_shot);
}

TEST(backend_name, may_say_a_seed) {
    backend_options options;
    ASSERT_TRUE(parse_backend_name("diced:18446744073709551615", all, options));
    EXPECT_EQ(options.seed, UINT64_MAX);
}

TEST(backend_name, a_mistake_gets_one_line_that_says_what_there_is) {
    EXPECT_EQ(complaint("other"), "unknown backend 'other'; choose one of: auto, plain, told, diced");
    EXPECT_EQ(complaint(""), "unknown backend ''; choose one of: auto, plain, told, diced");
    EXPECT_EQ(complaint("plain:level"), "backend plain has no option 'level'; it has none");
    EXPECT_EQ(complaint("told:lever"), "backend told has no option 'lever'; it has: edge, level, oneshot, exclusive");
    EXPECT_EQ(complaint("told:level::edge"), "backend told has no option ''; it has: edge, level, oneshot, exclusive");
    EXPECT_EQ(complaint("plain+threads"), "backend plain does its work on files by itself; say it without +threads");
    EXPECT_EQ(complaint("told+disk"),
              "nothing called 'disk' does the work on files; choose one of: threads, posix_aio, linux_aio");
    EXPECT_EQ(complaint("diced:x"), "backend diced takes a number as its seed, as in diced:7; 'x' is none");
    EXPECT_EQ(complaint("diced:18446744073709551616"),
              "backend diced takes a number as its seed, as in diced:7; '18446744073709551616' is none");
}

}  // namespace
}  // namespace penstock::detail

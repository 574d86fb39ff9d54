#include "claims/claims.hpp"

#include "claims/report.hpp"

#include <gtest/gtest.h>

#include <set>

namespace iobench {

namespace {

const metric cost{"cpu_us", "CPU", "µs"};

series taken(const char* point, double x, const char* contender, std::initializer_list<double> values) {
    series made{.workload = "echo", .at = {point, x}, .by = {contender}};
    for (const double value : values) {
        made.samples.push_back({{"cpu_us", value}});
        made.rounds.push_back(static_cast<unsigned>(made.samples.size()));
    }
    return made;
}

results some_results() {
    results all;
    description about;
    about.name = "echo";
    about.metrics = {cost};
    all.workloads.push_back(about);
    all.measured.push_back(taken("32 connections", 32, "a", {5, 5.1, 4.9}));
    all.measured.push_back(taken("32 connections", 32, "b", {10, 10.2, 9.8}));
    all.measured.push_back(taken("256 connections", 256, "a", {27.4, 27.5, 27.3}));
    return all;
}

quantity value_at(const char* point, double low, double high) {
    return {.label = "it", .of = {"echo", point, "a", "cpu_us"}, .low = low, .high = high};
}

ruling rule(std::vector<quantity> figures) {
    const claim said{.id = "x", .source = "0", .says = "y", .figures = std::move(figures)};
    return judge(said, some_results()).is;
}

/// Every white space is one blank.
std::string in_one_line(const std::string& text) {
    std::string line;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\n';
        if (!blank || !line.ends_with(' ')) line += blank ? ' ' : c;
    }
    return line;
}

}  // namespace

TEST(claims, each_has_an_id_of_its_own_and_something_behind_it) {
    std::set<std::string> ids;
    std::vector<claim> all = claims();
    all.insert(all.end(), bounds().begin(), bounds().end());
    for (const claim& one : all) {
        EXPECT_TRUE(ids.insert(one.id).second) << one.id;
        EXPECT_FALSE(one.says.empty()) << one.id;
        EXPECT_FALSE(one.source.empty()) << one.id;
        EXPECT_FALSE(command_of(one).empty()) << one.id;
    }
}

TEST(claims, hold_when_the_interval_lies_within_the_limits) {
    EXPECT_EQ(rule({value_at("32", 4, 6)}), ruling::holds);
    EXPECT_EQ(rule({value_at("32", 6, 7)}), ruling::does_not);
    EXPECT_EQ(rule({value_at("32", 5, 7)}), ruling::depends);
    EXPECT_EQ(rule({value_at("32", 4, 6), value_at("256", 4, 6)}), ruling::depends);
}

TEST(claims, places_are_found_by_name_by_number_and_as_the_last) {
    EXPECT_EQ(rule({value_at("32 connections", 4, 6)}), ruling::holds);
    EXPECT_EQ(rule({value_at("first", 4, 6)}), ruling::holds);
    EXPECT_EQ(rule({value_at("last", 27, 28)}), ruling::holds);
    EXPECT_EQ(rule({value_at("1000", 4, 6)}), ruling::not_measured);
}

TEST(claims, ratios_and_slopes_have_intervals) {
    const quantity ratio{.label = "a to b",
                         .as = form::ratio,
                         .of = {"echo", "32", "a", "cpu_us"},
                         .to = {"echo", "32", "b", "cpu_us"},
                         .low = 0.45,
                         .high = 0.55};
    EXPECT_EQ(rule({ratio}), ruling::holds);
    const quantity slope{.label = "a per connection",
                         .as = form::slope,
                         .of = {"echo", "32", "a", "cpu_us"},
                         .to = {"echo", "256", "a", "cpu_us"},
                         .scale = 1000,
                         .low = 95,
                         .high = 105};
    EXPECT_EQ(rule({slope}), ruling::holds);
}

TEST(claims, what_cannot_be_measured_is_judged_where_it_can) {
    claim said{.id = "x", .figures = {value_at("4", 4, 6)}, .cannot = "no such disk"};
    results all = some_results();
    all.left_out.push_back({"echo, 4, a", "refused"});
    EXPECT_EQ(judge(said, all).is, ruling::cannot_be_known);
    EXPECT_EQ(judge(said, all).why, "no such disk; a: refused");
    said.figures = {value_at("32", 4, 6)};
    EXPECT_EQ(judge(said, all).is, ruling::holds);
}

TEST(claims, need_what_their_figures_are_made_of) {
    const claim said{.figures = {value_at("32", 4, 6)}};
    EXPECT_TRUE(needs(said, "echo", {"32 connections", 32}, {"a"}));
    EXPECT_FALSE(needs(said, "echo", {"256 connections", 256}, {"a"}));
    EXPECT_FALSE(needs(said, "echo", {"32 connections", 32}, {"b"}));
    EXPECT_FALSE(needs(said, "sizes", {"32 connections", 32}, {"a"}));
}

TEST(claims, that_are_lenient_hold_until_the_whole_interval_is_outside) {
    quantity close = value_at("32", 0, 4.95);
    EXPECT_EQ(rule({close}), ruling::depends);
    close.lenient = true;
    EXPECT_EQ(rule({close}), ruling::holds);
    close.high = 4.8;
    EXPECT_EQ(rule({close}), ruling::does_not);
}

TEST(claims, figures_that_are_only_shown_decide_nothing) {
    quantity shown_only = value_at("256", 0, 1);
    shown_only.judged = false;
    EXPECT_EQ(rule({value_at("32", 4, 6), shown_only}), ruling::holds);
    EXPECT_EQ(rule({shown_only}), ruling::not_measured);
}

TEST(claims, without_results_say_what_would_measure_them) {
    for (const claim& one : claims()) {
        const finding found = judge(one, results{});
        EXPECT_NE(found.is == ruling::not_measured, one.figures.empty() || !one.fact.by.empty() || !one.cannot.empty())
            << one.id;
        const bool tells = found.why.find("iobench run ") != std::string::npos;
        EXPECT_EQ(found.is == ruling::not_measured, tells) << one.id;
    }
}

TEST(claims, text_and_json_have_the_same_rows) {
    std::vector<finding> all;
    for (const claim& one : claims()) all.push_back(judge(one, results{}));
    const std::string text = in_one_line(claims_text(all));
    const auto json = claims_json(all);
    ASSERT_EQ(json["claims"].size(), all.size());
    for (const auto& row : json["claims"]) {
        const std::string head = row["id"].get<std::string>() + ": " + row["verdict"].get<std::string>() + " said: ";
        EXPECT_NE(text.find(head + row["says"].get<std::string>()), std::string::npos) << head;
    }
}

}  // namespace iobench

// Warnings are made of a description, so that machines which are not at hand can be described.
#include "machine/disk.hpp"
#include "machine/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iobench {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

json good_machine() {
    return {{"kernel", "6.1.0"},
            {"cpu", "Some CPU"},
            {"cores", {0, 1}},
            {"virtualisation", "none"},
            {"governor", "performance"},
            {"io_uring", "allowed"},
            {"privileged", true},
            {"load", {0.1, 0.2, 0.3}},
            {"limits", {{"descriptors_hard", 1'000'000}}},
            {"disk", {{"directory", "/var/tmp"}, {"file_system", "ext4"}, {"direct", true}, {"rotational", false}}}};
}

TEST(warnings, none_on_a_good_machine) { EXPECT_THAT(warnings_of(good_machine()), testing::IsEmpty()); }

TEST(warnings, each_has_its_cause) {
    const std::vector<std::tuple<json::json_pointer, json, const char*>> cases = {
        {json::json_pointer("/load"), {3.2, 1, 1}, "busy when it began: load 3.2"},
        {json::json_pointer("/cores"), json::array({0}), "one core only"},
        {json::json_pointer("/governor"), "powersave", "governor is powersave, not performance"},
        {json::json_pointer("/virtualisation"), "virtual machine", "virtual machine"},
        {json::json_pointer("/privileged"), false, "unprivileged"},
        {json::json_pointer("/io_uring"), "forbidden by seccomp", "io_uring can't be used: forbidden by seccomp"},
        {json::json_pointer("/limits/descriptors_hard"), 1024, "at most 1024 descriptors"},
        {json::json_pointer("/disk/file_system"), "tmpfs", "in memory (tmpfs)"},
        {json::json_pointer("/disk/direct"), false, "no O_DIRECT on /var/tmp"},
        {json::json_pointer("/disk/rotational"), true, "rotates"},
    };
    for (const auto& [where, value, expected] : cases) {
        json machine = good_machine();
        machine[where] = value;
        const auto said = warnings_of(machine);
        EXPECT_EQ(said.size(), 1U) << where;
        EXPECT_THAT(said, Contains(HasSubstr(expected)));
    }
}

TEST(warnings, what_is_not_known_warns_of_nothing) {
    json machine = good_machine();
    machine["governor"] = nullptr;
    machine["virtualisation"] = nullptr;
    machine["disk"] = {{"directory", "/x"}, {"file_system", nullptr}, {"direct", nullptr}, {"rotational", nullptr}};
    EXPECT_THAT(warnings_of(machine), testing::IsEmpty());
}

TEST(summary, is_one_line_without_what_is_not_known) {
    json machine = good_machine();
    EXPECT_EQ(summary_of(machine), "Linux 6.1.0, 2 cores, Some CPU, files on ext4");
    machine["cpu"] = nullptr;
    machine["disk"]["file_system"] = nullptr;
    EXPECT_EQ(summary_of(machine), "Linux 6.1.0, 2 cores");
}

TEST(environment, describes_this_machine) {
    const json here = describe_environment("/tmp");
    EXPECT_FALSE(here.at("kernel").get<std::string>().empty());
    EXPECT_FALSE(here.at("cores").empty());
    EXPECT_GT(here.at("limits").at("descriptors").get<std::uint64_t>(), 0U);
    EXPECT_EQ(here.at("disk").at("directory"), "/tmp");
    EXPECT_TRUE(here.at("warnings").is_array());
}

}  // namespace
}  // namespace iobench

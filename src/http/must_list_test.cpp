// Every request of tests/http/must_list.json is refused with its status, however its bytes arrive.
#include "support/http_outcome.hpp"
#include <penstock/http/head.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace penstock::http {
namespace {

using testing::http_outcome;
using testing::receive_request;

/// JSON strings are UTF-8, and each character of a request stands for the byte with its number.
std::string bytes_of(const std::string& utf8) {
    std::string bytes;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto lead = static_cast<unsigned char>(utf8[i]);
        if (lead < 0x80) {
            bytes += utf8[i];
        } else {
            const auto next = static_cast<unsigned char>(utf8[++i]);
            bytes += static_cast<char>((lead & 0x03) << 6 | (next & 0x3f));
        }
    }
    return bytes;
}

nlohmann::json read_must_list() {
    std::ifstream file(PENSTOCK_MUST_LIST);
    return nlohmann::json::parse(file);
}

TEST(must_list, is_refused_however_it_arrives) {
    const nlohmann::json list = read_must_list();
    EXPECT_GE(list.size(), 250u);
    for (const auto& entry : list) {
        const auto name = entry.at("name").get<std::string>();
        SCOPED_TRACE(name);
        const std::string request = bytes_of(entry.at("request").get<std::string>());
        const http_outcome whole = receive_request(request, {});
        EXPECT_EQ(whole.refused.status, entry.at("status").get<int>()) << whole.refused.what << '\n' << whole.said;
        EXPECT_FALSE(whole.refused.what.empty());
        EXPECT_EQ(whole.broken, "");
        EXPECT_FALSE(whole.body_ended) << whole.body;

        std::vector<std::size_t> every_byte(request.size());
        std::iota(every_byte.begin(), every_byte.end(), 0);
        EXPECT_EQ(receive_request(request, every_byte), whole) << "byte by byte";
        for (std::size_t cut = 0; cut < request.size(); ++cut) {
            ASSERT_EQ(receive_request(request, {{cut}}), whole) << "cut at " << cut;
        }
    }
}

// What a message has too much of is no less refused if a good one stands before it on the connection.
TEST(must_list, is_refused_by_a_parser_that_was_used_before) {
    request_parser parser;
    for (const auto& entry : read_must_list()) {
        const std::string request = bytes_of(entry.at("request").get<std::string>());
        const http_outcome fresh = receive_request(request, {});
        parser.reset();
        EXPECT_EQ(parser.parse(request), fresh.head) << entry.at("name");
        if (fresh.head == progress::failed) {
            EXPECT_EQ(parser.failure(), fresh.refused) << entry.at("name");
        }
    }
}

}  // namespace
}  // namespace penstock::http

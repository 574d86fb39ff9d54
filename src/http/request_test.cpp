#include "support/http_outcome.hpp"
#include <penstock/http/head.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace penstock::http {
namespace {

using namespace std::string_literals;
using testing::http_outcome;
using testing::receive_request;

struct good_case {
    std::string name;
    std::string request;
    std::vector<std::string> says;  // lines of describe()
    std::string body = {};
    std::string behind = {};  // bytes of the next message
};

const good_case good[] = {
    {"the least there is",
     "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
     {"known method=0", "method=GET", "target=/", "path=/", "query=", "scheme=", "authority=", "minor version=1",
      "keep-alive=1", "expects continue=0", "upgrade=0", "host=a", "body=none", "field Host=a"}},
    {"a query", "GET /a/b?c=d?e HTTP/1.1\r\nHost: a\r\n\r\n", {"path=/a/b", "query=?c=d?e"}},
    {"an empty query", "GET /? HTTP/1.1\r\nHost: a\r\n\r\n", {"path=/", "query=?"}},
    {"every byte that a target may have",
     "GET /!\"$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ HTTP/1.1\r\nHost: a\r\n\r\n",
     {"path=/!\"$%&'()*+,-./09:;<=>", "query=?@AZ[\\]^_`az{|}~"}},
    {"two slashes first", "GET //evil.example/x HTTP/1.1\r\nHost: a\r\n\r\n", {"path=//evil.example/x", "host=a"}},
    {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", {"minor version=0", "keep-alive=0", "host=", "body=none"}},
    {"HTTP/1.0 that asks for keep-alive",
     "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
     {"keep-alive=1", "dropped Connection=Keep-Alive"}},
    {"HTTP/1.0 that says both", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", {"keep-alive=0"}},
    {"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n", {"keep-alive=0"}},
    {"close in a list of a second field",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: ,\ty , close,\r\n\r\n",
     {"keep-alive=0"}},
    {"white space around values",
     "GET / HTTP/1.1\r\nHost:a\r\nX:\t b  c \t \r\nY: \r\nZ:\r\n\r\n",
     {"field Host=a", "field X=b  c", "field Y=", "field Z="}},
    {"a tab and bytes beyond ASCII in a value",
     "GET / HTTP/1.1\r\nHost: a\r\nX: b\tc\xc3\xa9\xff\r\n\r\n",
     {"field X=b\tc\xc3\xa9\xff"}},
    {"a name of every byte that a token may have",
     "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09AZaz: x\r\n\r\n",
     {"field !#$%&'*+-.^_`|~09AZaz=x"}},
    {"the same header twice",
     "GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\nCookie: c\r\n\r\n",
     {"field Cookie=b", "field Cookie=c"}},
    {"four empty lines first", "\r\n\r\n\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", {"path=/x", "host=a"}},

    {"a method that is not known", "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=9", "method=BREW"}},
    {"a method in small letters", "get / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=9", "method=get"}},
    {"a method of 32 bytes", std::string(32, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=9"}},
    {"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=1"}},
    {"POST", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=2", "body=none"}},
    {"PUT", "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=3"}},
    {"DELETE", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=4"}},
    {"OPTIONS of a path", "OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=6", "path=/x"}},
    {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=7"}},
    {"PATCH", "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", {"known method=8"}},
    {"OPTIONS of the server", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {"path=*", "query=", "host=a"}},
    {"OPTIONS of the server as a URL",
     "OPTIONS http://b:80 HTTP/1.1\r\nHost: a\r\n\r\n",
     {"path=*", "query=", "host=b:80", "path and query="}},
    {"OPTIONS of a URL with a query", "OPTIONS http://b?x HTTP/1.1\r\nHost: a\r\n\r\n", {"path=/", "query=?x"}},
    {"CONNECT",
     "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\nbytes of the tunnel",
     {"known method=5", "authority=b:443", "host=b:443", "path=", "query=", "path and query=", "body=none"},
     "",
     "bytes of the tunnel"},
    {"CONNECT to an IPv6 address", "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", {"authority=[::1]:443"}},
    {"CONNECT with an empty body",
     "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\nContent-Length: 0\r\n\r\n",
     {"authority=b:443", "body=0"}},

    {"a URL: its authority wins over Host",
     "GET http://b.example:8080/c?d HTTP/1.1\r\nHost: a\r\n\r\n",
     {"target=http://b.example:8080/c?d", "scheme=http", "authority=b.example:8080", "path and query=/c?d", "path=/c",
      "query=?d", "host=b.example:8080", "field Host=a"}},
    {"a URL in capital letters", "GET HTTPS://B/ HTTP/1.1\r\nHost: a\r\n\r\n", {"scheme=HTTPS", "host=B", "path=/"}},
    {"a URL without a path", "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", {"path and query=", "path=/", "query="}},
    {"a URL with a query and no path",
     "GET http://b?c/d HTTP/1.1\r\nHost: a\r\n\r\n",
     {"path=/", "query=?c/d", "host=b"}},
    {"a URL with @ in its path", "GET http://b/@c HTTP/1.1\r\nHost: a\r\n\r\n", {"path=/@c", "host=b"}},
    {"a URL in HTTP/1.0", "GET http://b/ HTTP/1.0\r\n\r\n", {"host=b"}},

    {"Host with a port", "GET / HTTP/1.1\r\nHost: a.b-c_d~:65535\r\n\r\n", {"host=a.b-c_d~:65535"}},
    {"Host of IPv4", "GET / HTTP/1.1\r\nHost: 127.0.0.1:0\r\n\r\n", {"host=127.0.0.1:0"}},
    {"Host of IPv6", "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", {"host=[::1]"}},
    {"Host of IPv6 with a port",
     "GET / HTTP/1.1\r\nHost: [2001:DB8::192.0.2.1]:80\r\n\r\n",
     {"host=[2001:DB8::192.0.2.1]:80"}},
    {"Host with an escape", "GET / HTTP/1.1\r\nHost: a%2Db\r\n\r\n", {"host=a%2Db"}},
    {"Host with what else a name may have", "GET / HTTP/1.1\r\nHost: !$&'()*+;=\r\n\r\n", {"host=!$&'()*+;="}},

    {"a body of known length",
     "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\n12345GET / HTTP",
     {"body=5", "field content-length=5"},
     "12345",
     "GET / HTTP"},
    {"a body of no bytes", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", {"body=0"}},
    {"a length with zeros first",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0000000000000000000000002\r\n\r\nok",
     {"body=2"},
     "ok"},
    {"GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", {"body=1"}, "x"},
    {"chunks",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00a\r\n0123456789\r\n0\r\n\r\nGET /",
     {"body=chunked", "dropped Transfer-Encoding=Chunked"},
     "abc0123456789",
     "GET /"},
    {"chunks with extensions and trailers",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
     "3;a=b\r\nabc\r\n0;c\r\nX: y\r\n\r\nnext",
     {"body=chunked", "dropped Trailer=X"},
     "abc",
     "next"},
    {"chunks without data",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {"body=chunked"}},

    {"an expectation",
     "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
     {"expects continue=1", "field Expect=100-Continue"},
     "x"},
    {"an expectation of HTTP/1.0, which is none",
     "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
     {"expects continue=0"},
     "x"},
    {"an expectation without a body",
     "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
     {"expects continue=0"}},
    {"an expectation with an empty body",
     "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
     {"expects continue=0"}},

    {"an upgrade",
     "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n\x81",
     {"upgrade=1", "upgrade to=websocket", "keep-alive=1", "dropped Connection=keep-alive, Upgrade",
      "dropped Upgrade=websocket"},
     "",
     "\x81"},
    {"Upgrade that Connection does not name",
     "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
     {"upgrade=0", "upgrade to=", "dropped Upgrade=websocket"}},
    {"Connection: upgrade without Upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", {"upgrade=0"}},
    {"an empty Upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade:\r\n\r\n", {"upgrade=0"}},
    {"an upgrade in HTTP/1.0, which knows none",
     "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
     {"upgrade=0", "upgrade to="}},
    {"two Upgrades",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b/1, c\r\nUpgrade: d\r\n\r\n",
     {"upgrade=1", "upgrade to=b/1, c", "dropped Upgrade=d"}},

    {"hop-by-hop headers",
     "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authenticate: x\r\n"
     "Proxy-Authorization: x\r\nHTTP2-Settings: x\r\nVia: x\r\nForwarded: x\r\nX-Forwarded-For: x\r\n\r\n",
     {"field Host=a", "dropped TE=trailers", "dropped Keep-Alive=5", "dropped Proxy-Connection=x",
      "dropped Proxy-Authenticate=x", "dropped Proxy-Authorization=x", "dropped HTTP2-Settings=x", "field Via=x",
      "field Forwarded=x", "field X-Forwarded-For=x"}},
    {"headers that Connection names",
     "GET / HTTP/1.1\r\nHost: a\r\nX-B: 1\r\nConnection: x-b,\tX-D\r\nx-B: 2\r\nX-D: 3\r\nX-Bb: 4\r\nX-C: 5\r\n\r\n",
     {"dropped X-B=1", "dropped x-B=2", "dropped X-D=3", "field X-Bb=4", "field X-C=5", "keep-alive=1"}},
    {"headers that Connection names although they are for all",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: host, content-length\r\n\r\nx",
     {"dropped Host=a", "dropped Content-Length=1", "host=a", "body=1"},
     "x"},
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        lines.push_back(text.substr(at, text.find('\n', at) - at));
    }
    return lines;
}

std::string repeated(std::string_view piece, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += piece;
    return text;
}

/// The outcome of the whole request, after it was seen to be the same in all other ways to receive it.
http_outcome receive_in_every_way(const std::string& request) {
    const http_outcome whole = receive_request(request, {});
    std::vector<std::size_t> every_byte(request.size());
    std::iota(every_byte.begin(), every_byte.end(), 0);
    EXPECT_EQ(receive_request(request, every_byte), whole) << "byte by byte";
    for (std::size_t cut = 0; cut < request.size(); ++cut) {
        EXPECT_EQ(receive_request(request, {{cut}}), whole) << "cut at " << cut;
    }
    return whole;
}

TEST(request, is_read_however_it_arrives) {
    for (const good_case& c : good) {
        SCOPED_TRACE(c.name);
        const http_outcome outcome = receive_in_every_way(c.request);
        ASSERT_EQ(outcome.head, progress::complete) << outcome.refused.what;
        EXPECT_EQ(outcome.refused, failure());
        EXPECT_EQ(outcome.broken, "");
        const std::vector<std::string> said = lines_of(outcome.said);
        for (const std::string& line : c.says) {
            EXPECT_TRUE(std::ranges::find(said, line) != said.end()) << line << "\nis not in\n" << outcome.said;
        }
        EXPECT_EQ(outcome.body, c.body);
        EXPECT_TRUE(outcome.body_ended);
        EXPECT_EQ(c.request.substr(outcome.consumed), c.behind);
    }
}

constexpr std::size_t most_bytes = head_limits().bytes;
constexpr std::size_t longest_target = head_limits().target;

// --- Limits ----------------------------------------------------------------------------------------------------

TEST(request, may_be_as_large_as_its_limits_and_no_larger) {
    const std::string line = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string fits = line + std::string(most_bytes - line.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(receive_request(fits, {}).refused.status, 0);
    EXPECT_EQ(receive_request(fits, {}).head_size, most_bytes);
    const std::string too_large = line + std::string(most_bytes - line.size() - 3, 'x') + "\r\n\r\n";
    EXPECT_EQ(receive_request(too_large, {}).refused.status, 431);
    EXPECT_EQ(receive_request(too_large, {{100, most_bytes - 1}}).refused.status, 431);

    request_parser parser;
    EXPECT_EQ(parser.parse(too_large.substr(0, most_bytes - 1)), progress::incomplete);
    EXPECT_EQ(parser.parse(too_large.substr(0, most_bytes)), progress::failed) << "no byte more has to come";
}

TEST(request, may_have_a_target_as_long_as_its_limit) {
    const std::string fits = "GET /" + std::string(longest_target - 1, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(receive_request(fits, {}).refused.status, 0);
    const std::string too_long = "GET /" + std::string(longest_target, 'x');
    EXPECT_EQ(receive_request(too_long, {}).refused.status, 414);
    EXPECT_EQ(receive_request(too_long + " HTTP/1.1\r\n", {{4000}}).refused.status, 414);
    EXPECT_EQ(receive_request("GET /abc HTTP/1.1\r\n", {}, {.target = 3}).refused.status, 414);
}

TEST(request, may_have_a_hundred_headers) {
    const std::string line = "GET / HTTP/1.1\r\nHost: a\r\n";
    EXPECT_EQ(receive_request(line + repeated("x: y\r\n", 99) + "\r\n", {}).refused.status, 0);
    EXPECT_EQ(receive_request(line + repeated("x: y\r\n", 100) + "\r\n", {}).refused.status, 431);
    EXPECT_EQ(receive_request(line + repeated("x: y\r\n", 100) + "\r\n", {}, {.fields = 1000}).refused.status, 431)
        << "more than the parser has room for are not to be had";
    EXPECT_EQ(receive_request(line + "x: y\r\n\r\n", {}, {.fields = 1}).refused.status, 431);
    EXPECT_EQ(receive_request(line + "\r\n", {}, {.fields = 1}).refused.status, 0);
}

TEST(request, may_name_32_options_in_connection) {
    const std::string line = "GET / HTTP/1.1\r\nHost: a\r\nConnection: ";
    EXPECT_EQ(receive_request(line + repeated("x,", 32) + "\r\n\r\n", {}).refused.status, 0);
    EXPECT_EQ(receive_request(line + repeated("x,", 33) + "\r\n\r\n", {}).refused.status, 400);
}

TEST(request, of_64_kib_is_the_largest_that_offsets_can_tell) {
    const std::string line = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string fits = line + std::string(65535 - line.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(receive_request(fits, {}, {.bytes = 1 << 20}).refused.status, 0);
    const std::string too_large = line + std::string(65535 - line.size() - 3, 'x') + "\r\n\r\n";
    EXPECT_EQ(receive_request(too_large, {}, {.bytes = 1 << 20}).refused.status, 431);
}

// --- When it is refused ------------------------------------------------------------------------------------------

TEST(request, is_refused_at_the_first_byte_that_proves_it) {
    const std::string bad[] = {
        "\x16"s,  // TLS
        "\0"s,
        "\r\r",
        "GET \x80",
        "GET / HTTP/2.0",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\n ",
        "GET / HTTP/1.1\r\nHost ",
        "GET / HTTP/1.1\r\nHost: a\0"s,
        "GET / HTTP/1.1\r\nHost: a\n",
        "GET / HTTP/1.1\r\nHost: a\rb",
        "GET / HTTP/1.1\r\nHost: a\r\n ",
        "GET / HTTP/1.1\r\nHost: a\r\n\rb",
    };
    for (const std::string& text : bad) {
        request_parser parser;
        EXPECT_EQ(parser.parse(text.substr(0, text.size() - 1)), progress::incomplete) << text;
        EXPECT_EQ(parser.parse(text), progress::failed) << text;
        EXPECT_NE(parser.failure().status, 0) << text;
    }
}

TEST(request, stays_complete_or_refused_until_reset) {
    request_parser parser;
    EXPECT_EQ(parser.parse(""), progress::incomplete);
    EXPECT_EQ(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), progress::complete);
    EXPECT_EQ(parser.parse("\x16"), progress::complete);
    EXPECT_EQ(parser.size(), 27u);
    parser.reset();
    EXPECT_EQ(parser.size(), 0u);
    EXPECT_EQ(parser.parse("\x16"), progress::failed);
    EXPECT_EQ(parser.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), progress::failed);
}

TEST(request, takes_nothing_over_from_the_one_before) {
    request_parser parser;
    const std::string first =
        "POST http://b/c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nUpgrade: x\r\n"
        "Connection: upgrade\r\n\r\n";
    ASSERT_EQ(parser.parse(first), progress::complete);
    EXPECT_TRUE(parser.head().upgrade);
    parser.reset();
    const std::string second = "\r\n\r\n\r\nGET / HTTP/1.0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n";
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(parser.parse(second), progress::complete);
        EXPECT_EQ(testing::describe(second, parser.head()), receive_request(second, {}).said);
        parser.reset();
    }
}

TEST(request, knows_the_fields_that_a_proxy_must_know) {
    const std::string names[] = {"",
                                 "Host",
                                 "Connection",
                                 "Content-Length",
                                 "Transfer-Encoding",
                                 "Upgrade",
                                 "Expect",
                                 "TE",
                                 "Trailer",
                                 "Keep-Alive",
                                 "Proxy-Connection",
                                 "Proxy-Authenticate",
                                 "Proxy-Authorization",
                                 "X-Forwarded-For",
                                 "X-Forwarded-Proto",
                                 "X-Forwarded-Host",
                                 "Forwarded",
                                 "Via",
                                 "Date",
                                 "Server",
                                 "HTTP2-Settings"};
    std::string request = "GET / HTTP/1.0\r\nX: y\r\nXost: y\r\nServes: y\r\n";
    for (const std::string& name : names) {
        if (!name.empty() && name != "Transfer-Encoding") {
            request += name + (name == "Expect" ? ": 100-continue" : ": 1") + "\r\n";
        }
    }
    request_parser parser;
    ASSERT_EQ(parser.parse(request + "\r\n"), progress::complete) << parser.failure().what;
    for (const field& f : parser.head().fields) {
        const std::string_view name = text(request, f.name);
        const auto known = std::ranges::find(names, name);
        const auto expected = known == std::end(names) ? field_name::other : static_cast<field_name>(known - names);
        EXPECT_EQ(f.id, expected) << name;
    }
}

TEST(request, methods_are_safe_or_idempotent_as_the_standard_says) {
    using enum method;
    for (const method m : {get, head, options, trace}) EXPECT_TRUE(is_safe(m) && is_idempotent(m));
    for (const method m : {put, delete_}) EXPECT_TRUE(!is_safe(m) && is_idempotent(m));
    for (const method m : {post, patch, connect, other}) EXPECT_TRUE(!is_safe(m) && !is_idempotent(m));
}

}  // namespace
}  // namespace penstock::http

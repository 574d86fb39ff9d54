#include "support/http_outcome.hpp"
#include <penstock/http/head.hpp>

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace penstock::http {
namespace {

using namespace std::string_literals;
using testing::http_outcome;
using testing::receive_response;

/// The outcome of the whole response, after it was seen to be the same in all other ways to receive it.
http_outcome receive_in_every_way(const std::string& response, method asked) {
    const http_outcome whole = receive_response(response, {}, asked);
    std::vector<std::size_t> every_byte(response.size());
    std::iota(every_byte.begin(), every_byte.end(), 0);
    EXPECT_EQ(receive_response(response, every_byte, asked), whole) << "byte by byte";
    for (std::size_t cut = 0; cut < response.size(); ++cut) {
        EXPECT_EQ(receive_response(response, {{cut}}, asked), whole) << "cut at " << cut;
    }
    return whole;
}

struct good_case {
    std::string name;
    std::string response;
    std::string says;  // the beginning of describe()
    method asked = method::get;
    std::string body = {};
    bool ended = true;
    std::string behind = {};
};

const good_case good[] = {
    {"a body of known length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1",
     "status=200\nminor version=1\nreason=OK\nkeep-alive=1\nupgrade=0\nupgrade to=\nas sent=2\n", method::get, "ok",
     true, "HTTP/1.1"},
    {"no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
     "status=200\nminor version=1\nreason=\nkeep-alive=1\nupgrade=0\nupgrade to=\nas sent=0\n"},
    {"no reason and no space before it", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
     "status=200\nminor version=1\nreason=\n"},
    {"a reason of several words", "HTTP/1.1 404 Not\tfound \xe9\r\nContent-Length: 0\r\n\r\n",
     "status=404\nminor version=1\nreason=Not\tfound \xe9\n"},
    {"a status that is not known", "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n", "status=999\n"},
    {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP",
     "status=200\nminor version=1\nreason=OK\nkeep-alive=1\nupgrade=0\nupgrade to=\nas sent=chunked\ndropped ",
     method::get, "ok", true, "HTTP"},
    {"until close", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nall of this",
     "status=200\nminor version=1\nreason=OK\nkeep-alive=1\nupgrade=0\nupgrade to=\nas sent=until close\nfield X=y\n",
     method::get, "all of this", false, ""},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nold",
     "status=200\nminor version=0\nreason=OK\nkeep-alive=0\nupgrade=0\nupgrade to=\nas sent=until close\n", method::get,
     "old", false},
    {"HTTP/1.0 that keeps alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
     "status=200\nminor version=0\nreason=OK\nkeep-alive=1\n"},
    {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
     "status=200\nminor version=1\nreason=OK\nkeep-alive=0\n"},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1",
     "status=200\nminor version=1\nreason=OK\nkeep-alive=1\nupgrade=0\nupgrade to=\nas sent=5\n", method::head, "",
     true, "HTTP/1.1"},
    {"HEAD of chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1", "status=200\n", method::head,
     "", true, "HTTP/1.1"},
    {"204", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1", "status=204\nminor version=1\nreason=No Content\nkeep-alive=1\n",
     method::get, "", true, "HTTP/1.1"},
    {"204 that announces no bytes", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
     "status=204\nminor version=1\nreason=No Content\nkeep-alive=1\n"},
    {"204 that announces a body is the last on its connection", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n12345",
     "status=204\nminor version=1\nreason=x\nkeep-alive=0\n", method::get, "", true, "12345"},
    {"304 with the length of what it stands for", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1",
     "status=304\nminor version=1\nreason=x\nkeep-alive=1\n", method::get, "", true, "HTTP/1.1"},
    {"100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", "status=100\nminor version=1\nreason=Continue\n", method::post,
     "", true, "HTTP/1.1 200"},
    {"103 with headers", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", "status=103\n"},
    {"101", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81",
     "status=101\nminor version=1\nreason=x\nkeep-alive=1\nupgrade=1\nupgrade to=websocket\n", method::get, "", true,
     "\x81"},
    {"an Upgrade that is only offered",
     "HTTP/1.1 426 x\r\nConnection: upgrade\r\nUpgrade: h\r\nContent-Length: 0\r\n\r\n",
     "status=426\nminor version=1\nreason=x\nkeep-alive=1\nupgrade=0\nupgrade to=\n"},
    {"2xx to CONNECT", "HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\ntunnel", "status=200\n", method::connect, "", true,
     "tunnel"},
    {"4xx to CONNECT", "HTTP/1.1 407 x\r\nContent-Length: 5\r\n\r\nsorry", "status=407\n", method::connect, "sorry"},
    {"dropped headers",
     "HTTP/1.1 200 x\r\nConnection: x-b\r\nX-B: 1\r\nProxy-Authenticate: c\r\nServer: d\r\nContent-Length: 0\r\n\r\n",
     "status=200\nminor version=1\nreason=x\nkeep-alive=1\nupgrade=0\nupgrade to=\nas sent=0\ndropped Connection=x-b\n"
     "dropped X-B=1\ndropped Proxy-Authenticate=c\nfield Server=d\nfield Content-Length=0\n"},
};

TEST(response, is_read_however_it_arrives) {
    for (const good_case& c : good) {
        SCOPED_TRACE(c.name);
        const http_outcome outcome = receive_in_every_way(c.response, c.asked);
        ASSERT_EQ(outcome.head, progress::complete) << outcome.refused.what;
        EXPECT_EQ(outcome.refused, failure());
        EXPECT_EQ(outcome.broken, "");
        EXPECT_TRUE(outcome.said.starts_with(c.says)) << outcome.said;
        EXPECT_EQ(outcome.body, c.body);
        EXPECT_EQ(outcome.body_ended, c.ended);
        EXPECT_EQ(c.response.substr(outcome.consumed), c.behind);
    }
}

const std::string bad[] = {
    // the status line
    "\x16\x03\x01",
    "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "http/1.1 200 OK\r\n\r\n",
    "HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/0.9 200 OK\r\n\r\n",
    "HTTP/1.2 200 OK\r\n\r\n",
    "HTTP/1.10 200 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1\t200 OK\r\n\r\n",
    "HTTP/1.1\r\n\r\n",
    "HTTP/1.1 \r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 2x0 OK\r\n\r\n",
    "HTTP/1.1 20x OK\r\n\r\n",
    "HTTP/1.1 -20 OK\r\n\r\n",
    "HTTP/1.1 200\tOK\r\n\r\n",
    "HTTP/1.1 200OK\r\n\r\n",
    "HTTP/1.1 200 O\0K\r\n\r\n"s,
    "HTTP/1.1 200 O\x7fK\r\n\r\n",
    "HTTP/1.1 200 OK\n\r\n",
    "HTTP/1.1 200\n\r\n",
    "HTTP/1.1 200 OK\rXY: z\r\n\r\n",
    "HTTP/1.1 200\rXY: z\r\n\r\n",
    // headers
    "HTTP/1.1 200 OK\r\n X: y\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: y\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"s,
    "HTTP/1.1 200 OK\r\nX: y\n\r\n",
    "HTTP/1.1 200 OK\r\nX: y\r\n\n",
    "HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n",
    // framing
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n12345",
    "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n12345",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 204 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    // interim
    "HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 101 x\r\n\r\n",
    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n",
    "HTTP/1.0 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
};

TEST(response, that_is_malformed_is_refused_with_502_however_it_arrives) {
    for (const std::string& response : bad) {
        SCOPED_TRACE(response);
        const http_outcome outcome = receive_in_every_way(response, method::get);
        EXPECT_EQ(outcome.head, progress::failed) << outcome.said;
        EXPECT_EQ(outcome.refused.status, 502);
        EXPECT_FALSE(outcome.refused.what.empty());
    }
}

TEST(response, limits_are_those_of_its_parser) {
    constexpr std::size_t most_bytes = head_limits().bytes;
    const std::string line = "HTTP/1.1 200 OK\r\nX: ";
    const std::string fits = line + std::string(most_bytes - line.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(receive_response(fits, {}, method::get).head_size, fits.size());
    EXPECT_EQ(receive_response(fits, {}, method::get, {.bytes = most_bytes - 1}).refused.status, 502);
    EXPECT_EQ(
        receive_response("HTTP/1.1 200 OK\r\nX: y\r\nY: z\r\n\r\n", {}, method::get, {.fields = 1}).refused.status,
        502);
}

TEST(response, heads_follow_each_other_in_one_parser) {
    response_parser parser;
    std::string_view bytes = "HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    ASSERT_EQ(parser.parse(bytes), progress::complete);
    EXPECT_EQ(parser.head().status, 100);
    bytes.remove_prefix(parser.size());
    parser.reset();
    ASSERT_EQ(parser.parse(bytes), progress::complete);
    EXPECT_EQ(parser.head().status, 200);
    EXPECT_EQ(parser.head().fields.size(), 1u);
    EXPECT_EQ(body_of(parser.head(), method::get), (framing{body_kind::length, 3}));
}

}  // namespace
}  // namespace penstock::http

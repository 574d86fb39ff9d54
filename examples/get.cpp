// get URL [--backend NAME]: prints what http://ADDR[:PORT][/PATH] answers. ADDR is numeric, or localhost.
//
// A client with deadlines: whatever can be awaited can be given a time limit.
#include "command_line.hpp"
#include <penstock/penstock.hpp>

#include <regex>

using namespace penstock;
using namespace std::chrono_literals;

// Sends the request and prints the body of the answer; fails if it is cut short. Returns the status.
task<result<int>> fetch(endpoint server, std::string request) {
    auto output = co_await adopt(1, ownership::borrow);
    if (!output) co_return fail(output.error());
    auto peer = co_await with_timeout(10s, net::connect(server));
    if (!peer) co_return fail(peer.error());
    if (auto sent = co_await peer->send(request); !sent) co_return fail(sent.error());
    std::string head;                 // may come in pieces
    std::optional<std::size_t> body;  // where it begins
    std::uint64_t received_so_far = 0;
    for (;;) {
        auto received = co_await with_timeout(30s, peer->receive());
        if (!received) co_return fail(received.error());
        if (received->empty()) break;  // the server has said everything and closed
        const std::uint64_t before = std::exchange(received_so_far, received_so_far + received->size());
        if (!body) {
            const std::size_t blank_line = head.append(received->text()).find("\r\n\r\n");
            if (blank_line == std::string::npos) continue;
            head.resize(*(body = blank_line + 4));
            received->consume(*body - before);
        }
        if (auto sent = co_await output->send(received->bytes()); !sent) co_return fail(sent.error());
    }
    std::smatch status, length;
    std::regex_search(head, status, std::regex("^HTTP/1\\.\\d (\\d{3})"));
    std::regex_search(head, length, std::regex("\r\ncontent-length: *(\\d+)", std::regex::icase));
    const bool cut_short = !length.empty() && std::stoull(length[1]) != received_so_far - body.value_or(0);
    if (!body || status.empty() || cut_short) co_return fail(errc::unexpected_end);
    co_return std::stoi(status[1]);
}

int main(int count, char** values) {
    const example::command_line line(count, values, "get http://ADDR[:PORT][/PATH] [--backend NAME]", 1, 1);
    std::smatch url;
    if (!std::regex_match(line.words[0], url, std::regex("http://(\\[.*\\]|[^/:]+)(:\\d+)?(/.*)?"))) {
        return example::complain("'" + line.words[0] + "' is not http://ADDR[:PORT][/PATH]", example::misuse);
    }
    const std::string address = url[1] == "localhost" ? "127.0.0.1" : url.str(1);
    const auto server = endpoint::parse(address + (url[2].matched ? url.str(2) : ":80"));
    if (!server) return example::complain(server.error().message, example::misuse);
    const std::string path = url[3].matched ? url.str(3) : "/";
    const auto status = example::make_loop(line)->run(
        fetch(*server, "GET " + path + " HTTP/1.0\r\nHost: " + url.str(1) + url.str(2) + "\r\n\r\n"));
    if (!status) return example::complain(line.words[0] + ": " + status.error().message());
    return *status / 100 == 2 ? 0 : example::complain("the server answered " + std::to_string(*status));
}

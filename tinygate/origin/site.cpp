#include "origin/site.hpp"

#include <penstock/explain.hpp>
#include <penstock/http/write.hpp>
#include <penstock/loop.hpp>

#include <utility>

namespace origin {

using namespace penstock;

namespace {

constexpr std::string_view html = "text/html; charset=utf-8";
constexpr std::string_view json = "application/json";
constexpr std::string_view plain = "text/plain; charset=utf-8";

constexpr std::string_view hello = "hello world, hello world, hello world, hello world, hello world!\n";
static_assert(hello.size() == 65);

std::string with_name(std::string page, std::string_view name) {
    constexpr std::string_view place = "{{origin}}";
    for (auto at = page.find(place); at != std::string::npos; at = page.find(place, at + name.size())) {
        page.replace(at, place.size(), name);
    }
    return page;
}

}  // namespace

site::site(std::string name, std::string page) : name_(std::move(name)), page_(with_name(std::move(page), name_)) {}

void site::answer_to(const http::request_head& head, std::string_view bytes, answer& into) {
    ++requests_;
    into.keeps = head.keep_alive;
    if (head.method != http::method::get && head.method != http::method::head) {
        return refuse(405, "this origin answers GET and HEAD", into);
    }
    if (head.body.kind == http::body_kind::chunked || head.body.length != 0) {
        return refuse(413, "this origin takes no body", into);
    }
    const std::string_view connection = !head.keep_alive          ? "close"
                                        : head.minor_version == 0 ? "keep-alive"
                                                                  : std::string_view();
    const std::string_view path = http::path(bytes, head);
    if (path == "/") {
        fill(into, 200, html, page_, connection);
    } else if (path == "/hello") {
        fill(into, 200, plain, hello, connection);
    } else if (path == "/about") {
        into.own_body = describe();
        fill(into, 200, json, into.own_body, connection);
    } else {
        fill(into, 404, plain, "Here are /, /about and /hello.\n", connection);
    }
    if (head.method == http::method::head) into.body = {};
}

void site::refuse(std::uint16_t status, std::string_view why, answer& into) const {
    into.keeps = false;
    into.own_body = std::string(why) + "\n";
    fill(into, status, plain, into.own_body, "close");
}

std::string site::describe() const {
    return "{\"origin\": \"" + name_ + "\", \"backend\": \"" + current_loop->explain().chosen +
           "\", \"requests\": " + std::to_string(requests_) + "}\n";
}

void site::fill(answer& into, std::uint16_t status, std::string_view type, std::string_view body,
                std::string_view connection) const {
    http::head_writer head(into.memory);
    head.raw("HTTP/1.1 ").number(status).raw(" ").raw(http::reason_phrase(status)).raw("\r\n");
    head.field("X-Origin", name_).field("Content-Type", type).field("Cache-Control", "no-store");
    head.raw("Content-Length: ").number(body.size()).raw("\r\n");
    if (status == 405) head.field("Allow", "GET, HEAD");
    if (!connection.empty()) head.field("Connection", connection);
    head.end();
    into.head = head.text();
    into.body = body;
}

}  // namespace origin

#include "simulation/message.hpp"

#include "simulation/words.hpp"
#include <penstock/http/write.hpp>

#include <charconv>

namespace simulated {

using namespace penstock;

namespace {

std::string_view method_name(http::method m) {
    switch (m) {
        case http::method::head: return "HEAD";
        case http::method::post: return "POST";
        case http::method::put: return "PUT";
        case http::method::delete_: return "DELETE";
        default: return "GET";
    }
}

std::string framing_field(body_form form, std::uint64_t size) {
    switch (form) {
        case body_form::length: return filled("Content-Length: {}\r\n", {text_of(size)});
        case body_form::chunked: return "Transfer-Encoding: chunked\r\n";
        case body_form::none:
        case body_form::until_close: break;
    }
    return {};
}

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return n;
}

constexpr std::string_view target_begin = "/request/";

}  // namespace

std::string request_head(const request_plan& r) {
    const std::string id = text_of(r.id);
    std::string head = filled("{} {}{} HTTP/1.{}\r\nHost: gate.test\r\nX-Request: {}\r\n",
                              {text_of(method_name(r.method)), text_of(target_begin), id, r.old ? "0" : "1", id});
    head += framing_field(r.form, r.size);
    if (r.expects_continue) head += "Expect: 100-continue\r\n";
    if (r.upgrades) head += "Connection: upgrade\r\nUpgrade: marked\r\n";
    return head + "\r\n";
}

std::string answer_head(const request_plan& r, std::size_t origin, bool closes) {
    std::string head =
        filled("HTTP/1.1 {} {}\r\nX-Origin: {}\r\nX-Request: {}\r\n",
               {text_of(r.status), text_of(http::reason_phrase(r.status)), text_of(origin), text_of(r.id)});
    if (r.status != 204 && r.status != 304) head += framing_field(r.answer_form, r.answer_size);
    if (closes) head += "Connection: close\r\n";
    return head + "\r\n";
}

std::string interim_head(const request_plan& r) {
    return filled("HTTP/1.1 103 Early Hints\r\nX-Request: {}\r\n\r\n", {text_of(r.id)});
}

std::string tunnel_head(const request_plan& r, std::size_t origin) {
    return filled(
        "HTTP/1.1 101 Switching Protocols\r\nX-Origin: {}\r\nX-Request: {}\r\n"
        "Connection: upgrade\r\nUpgrade: marked\r\n\r\n",
        {text_of(origin), text_of(r.id)});
}

std::optional<std::uint32_t> id_in_target(std::string_view target) {
    if (!target.starts_with(target_begin)) return std::nullopt;
    return number(target.substr(target_begin.size()));
}

std::optional<std::uint32_t> id_in_fields(std::string_view bytes, std::span<const http::field> fields) {
    for (const http::field& f : fields) {
        if (http::text(bytes, f.name) == "X-Request") return number(http::text(bytes, f.value));
    }
    return std::nullopt;
}

bool has_field(std::string_view bytes, std::span<const http::field> fields, std::string_view name) {
    for (const http::field& f : fields) {
        if (http::text(bytes, f.name) == name) return true;
    }
    return false;
}

void framed::append(std::string& to, std::uint64_t offset, std::string_view bytes) const {
    if (form_ != body_form::chunked) {
        to += bytes;
        return;
    }
    char line[20];
    to += http::chunk_size_line(line, bytes.size());
    to += bytes;
    to += "\r\n";
    if (offset + bytes.size() == size_) to += http::last_chunk;
}

void framed::append_end(std::string& to) const {
    if (form_ == body_form::chunked) to += http::last_chunk;
}

task<> reset(net::stream& s) {
    static_cast<void>(co_await s.set_option(net::socket_option::linger, 0));
    co_await s.close();
}

}  // namespace simulated

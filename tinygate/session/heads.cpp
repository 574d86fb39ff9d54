#include "session/heads.hpp"

#include <penstock/http/write.hpp>

#include <charconv>
#include <span>

namespace tinygate {

using namespace penstock;
using http::field_name;
using http::head_writer;

namespace {

/// Writes a head where it fits: most do at once.
template <class Write>
std::string_view written(workspace& memory, std::size_t most, Write write) {
    head_writer in_place(memory.head);
    write(in_place);
    if (in_place.ok()) return in_place.text();
    memory.large_head.resize(most);
    head_writer large(memory.large_head);
    write(large);
    return large.text();
}

// Names and values as they came, and what the gate adds; 1 KiB is more than it ever does.
std::size_t bound(std::string_view bytes) { return 2 * bytes.size() + 1024; }

// Written by the gate itself, or only to be believed from a trusted peer.
bool is_the_gates_own(field_name id) noexcept {
    switch (id) {
        case field_name::host:
        case field_name::content_length:
        case field_name::transfer_encoding:
        case field_name::expect:
        case field_name::x_forwarded_for:
        case field_name::x_forwarded_proto:
        case field_name::x_forwarded_host:
        case field_name::forwarded:
        case field_name::http2_settings: return true;
        default: return false;
    }
}

/// Writes lines of a head as they are there, neighbours in one go.
class line_copier {
  public:
    line_copier(head_writer& to, std::string_view bytes) noexcept : to_(to), bytes_(bytes) {}

    /// A line that ends with CRLF, or the first part of one.
    void copy(std::size_t begin, std::size_t end) noexcept {
        if (begin != end_) {
            flush();
            begin_ = begin;
        }
        end_ = end;
    }
    void copy(const http::field& f) noexcept {
        if (is_as_written(f)) return copy(f.name.begin, f.value.end() + 2);
        flush();
        to_.field(http::text(bytes_, f.name), http::text(bytes_, f.value));
    }
    void flush() noexcept {
        to_.raw(bytes_.substr(begin_, end_ - begin_));
        begin_ = end_;
    }

  private:
    /// Whether it has the white space that it would be written with, and no other.
    bool is_as_written(const http::field& f) const noexcept {
        return f.value.begin == f.name.end() + 2 && bytes_[f.name.end() + 1] == ' ' && bytes_[f.value.end()] == '\r';
    }

    head_writer& to_;
    std::string_view bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

void write_framing(head_writer& to, const http::framing& body) {
    switch (body.kind) {
        case http::body_kind::length: to.raw("Content-Length: ").number(body.length).raw("\r\n"); return;
        case http::body_kind::chunked: to.raw("Transfer-Encoding: chunked\r\n"); return;
        case http::body_kind::none:
        case http::body_kind::until_close: return;
    }
}

}  // namespace

bool may_upgrade(const http::request_head& head, std::string_view bytes) noexcept {
    if (!head.upgrade) return false;
    std::string_view offers = http::text(bytes, head.upgrade_to);
    constexpr auto is_h2c = [](std::string_view offer) {
        return offer.size() >= 3 && (offer[0] | 0x20) == 'h' && offer[1] == '2' && (offer[2] | 0x20) == 'c' &&
               (offer.size() == 3 || offer[3] == ' ' || offer[3] == '\t' || offer[3] == '/');
    };
    while (!offers.empty()) {
        const auto begin = offers.find_first_not_of(" \t,");
        if (begin == std::string_view::npos) break;
        offers.remove_prefix(begin);
        const std::string_view offer = offers.substr(0, offers.find(','));
        if (is_h2c(offer)) return false;
        offers.remove_prefix(offer.size());
    }
    return true;
}

std::string_view write_request_head(workspace& memory, const http::request_head& head, std::string_view bytes,
                                    const request_form& form) {
    return written(memory, bound(bytes), [&](head_writer& to) {
        const auto text = [&](http::text_range r) { return http::text(bytes, r); };
        line_copier lines(to, bytes);
        if (head.path_and_query == head.target) {
            lines.copy(head.method_text.begin, head.target.end());
            lines.flush();
        } else {
            to.raw(text(head.method_text)).raw(" ").raw(http::path(bytes, head)).raw(http::query(bytes, head));
        }
        to.raw(" HTTP/1.1\r\n").field("Host", head.host.empty() ? form.host_if_none : text(head.host));
        for (const http::field& f : head.fields) {
            if (!f.drop && !is_the_gates_own(f.id)) lines.copy(f);
        }
        lines.flush();
        to.field("X-Forwarded-For", form.client).raw("X-Forwarded-Proto: http\r\n");
        if (!head.host.empty()) to.field("X-Forwarded-Host", text(head.host));
        if (form.upgrades) to.raw("Connection: upgrade\r\n").field("Upgrade", text(head.upgrade_to));
        write_framing(to, head.body);
        to.end();
    });
}

std::string_view write_response_head(workspace& memory, const http::response_head& head, std::string_view bytes,
                                     response_form form) {
    return written(memory, bound(bytes), [&](head_writer& to) {
        const auto text = [&](http::text_range r) { return http::text(bytes, r); };
        line_copier lines(to, bytes);
        if (head.minor_version == 1 && !head.reason.empty()) {
            lines.copy(0, head.reason.end() + 2);
        } else {
            to.raw("HTTP/1.1 ").number(head.status).raw(" ").raw(text(head.reason)).raw("\r\n");
        }
        // Also where no body follows: it is what GET would have had.
        const bool tells_length = form.framing != outgoing_framing::chunked &&
                                  head.as_sent.kind == http::body_kind::length && head.status >= 200 &&
                                  head.status != 204;
        for (const http::field& f : head.fields) {
            if (f.drop || f.id == field_name::transfer_encoding) continue;
            if (f.id != field_name::content_length) {
                lines.copy(f);
            } else if (tells_length && bytes[f.value.begin] != '0') {
                lines.copy(f);
            } else if (tells_length) {  // a number has one form only
                lines.flush();
                write_framing(to, head.as_sent);
            }
        }
        lines.flush();
        if (form.framing == outgoing_framing::chunked) to.raw("Transfer-Encoding: chunked\r\n");
        if (head.upgrade) {
            to.raw("Connection: upgrade\r\n").field("Upgrade", text(head.upgrade_to));
        } else if (!form.keeps && head.status >= 200) {
            to.raw("Connection: close\r\n");
        } else if (form.old_client && head.status >= 200) {
            to.raw("Connection: keep-alive\r\n");
        }
        to.end();
    });
}

std::string_view write_answer(workspace& memory, std::uint16_t status, std::string_view why, bool keeps,
                              bool with_body) {
    return written(memory, 1024 + why.size(), [&](head_writer& to) {
        char digits[4] = {};
        std::to_chars(digits, digits + 3, status);
        const std::string_view code(digits, 3);
        const std::string_view reason = http::reason_phrase(status);
        // "502 Bad Gateway: why\n"
        const std::size_t size = code.size() + 1 + reason.size() + (why.empty() ? 0 : 2 + why.size()) + 1;
        to.raw("HTTP/1.1 ").raw(code).raw(" ").raw(reason).raw("\r\nContent-Type: text/plain\r\nContent-Length: ");
        to.number(size).raw(keeps ? "\r\n" : "\r\nConnection: close\r\n");
        if (status == 405) to.raw("Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n");
        to.end();
        if (!with_body) return;
        to.raw(code).raw(" ").raw(reason);
        if (!why.empty()) to.raw(": ").raw(why);
        to.raw("\n");
    });
}

}  // namespace tinygate

// All that a recipient can tell of one HTTP/1 message, as text, so that two ways to receive it can be compared; and the
// invariants of the codec, checked on the way. Shared by the unit tests of src/http and the fuzzer.
#pragma once

#include <penstock/http/body.hpp>
#include <penstock/http/head.hpp>
#include <penstock/http/write.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::testing {

struct http_outcome {
    http::progress head = http::progress::incomplete;
    http::failure refused;      // of the head or the body
    std::size_t head_size = 0;  // if complete
    std::string said;           // every part of the head
    std::string body;
    bool body_ended = false;
    std::size_t consumed = 0;  // by head and body together
    std::string broken;        // an invariant that does not hold

    friend bool operator==(const http_outcome&, const http_outcome&) = default;
};

/// Where a message is cut into pieces: positions in ascending order.
using http_cuts = std::span<const std::size_t>;

// --- Heads as text -------------------------------------------------------------------------------------------

inline void append(std::string& to, std::string_view label, std::string_view value) {
    to.append(label).append("=").append(value).append("\n");
}

inline void append_number(std::string& to, std::string_view label, std::uint64_t value) {
    append(to, label, std::to_string(value));
}

inline void append_framing(std::string& to, std::string_view label, http::framing framing) {
    switch (framing.kind) {
        case http::body_kind::none: return append(to, label, "none");
        case http::body_kind::length: return append_number(to, label, framing.length);
        case http::body_kind::chunked: return append(to, label, "chunked");
        case http::body_kind::until_close: return append(to, label, "until close");
    }
}

inline void append_fields(std::string& to, std::string_view bytes, std::span<const http::field> fields) {
    for (const http::field& f : fields) {
        to.append(f.drop ? "dropped " : "field ");
        append(to, text(bytes, f.name), text(bytes, f.value));
    }
}

inline std::string describe(std::string_view bytes, const http::request_head& head) {
    std::string said;
    append_number(said, "known method", static_cast<std::uint64_t>(head.method));
    append(said, "method", text(bytes, head.method_text));
    append(said, "target", text(bytes, head.target));
    append(said, "scheme", text(bytes, head.scheme));
    append(said, "authority", text(bytes, head.authority));
    append(said, "path and query", text(bytes, head.path_and_query));
    append(said, "path", path(bytes, head));
    append(said, "query", query(bytes, head));
    append_number(said, "minor version", head.minor_version);
    append_number(said, "keep-alive", head.keep_alive ? 1 : 0);
    append_number(said, "expects continue", head.expects_continue ? 1 : 0);
    append_number(said, "upgrade", head.upgrade ? 1 : 0);
    append(said, "upgrade to", text(bytes, head.upgrade_to));
    append(said, "host", text(bytes, head.host));
    append_framing(said, "body", head.body);
    append_fields(said, bytes, head.fields);
    return said;
}

inline std::string describe(std::string_view bytes, const http::response_head& head) {
    std::string said;
    append_number(said, "status", head.status);
    append_number(said, "minor version", head.minor_version);
    append(said, "reason", text(bytes, head.reason));
    append_number(said, "keep-alive", head.keep_alive ? 1 : 0);
    append_number(said, "upgrade", head.upgrade ? 1 : 0);
    append(said, "upgrade to", text(bytes, head.upgrade_to));
    append_framing(said, "as sent", head.as_sent);
    append_fields(said, bytes, head.fields);
    return said;
}

// --- Invariants ----------------------------------------------------------------------------------------------

inline bool lies_within(std::size_t size, http::text_range range) { return range.end() <= size; }

inline bool fields_lie_within(std::size_t size, std::span<const http::field> fields) {
    return std::ranges::all_of(fields, [&](const http::field& f) {
        return !f.name.empty() && lies_within(size, f.name) && lies_within(size, f.value);
    });
}

inline bool all_within(std::size_t size, const http::request_head& head) {
    return std::ranges::all_of(std::vector{head.method_text, head.target, head.scheme, head.authority,
                                           head.path_and_query, head.upgrade_to, head.host},
                               [&](http::text_range range) { return lies_within(size, range); }) &&
           fields_lie_within(size, head.fields);
}

inline bool all_within(std::size_t size, const http::response_head& head) {
    return lies_within(size, head.reason) && lies_within(size, head.upgrade_to) && fields_lie_within(size, head.fields);
}

inline void write_first_line(http::head_writer& to, std::string_view bytes, const http::request_head& head) {
    to.raw(text(bytes, head.method_text)).raw(" ").raw(text(bytes, head.target));
    to.raw(" HTTP/1.").number(head.minor_version).raw("\r\n");
}

inline void write_first_line(http::head_writer& to, std::string_view bytes, const http::response_head& head) {
    to.raw("HTTP/1.").number(head.minor_version).raw(" ").number(head.status).raw(" ");
    to.raw(text(bytes, head.reason)).raw("\r\n");
}

/// A complete head written anew.
template <class Head>
std::string rewritten(std::string_view bytes, const Head& head) {
    std::string memory(bytes.size() + 1 + 2 * head.fields.size(), '?');  // spaces that were not there may be added
    http::head_writer writer(memory);
    write_first_line(writer, bytes, head);
    for (const http::field& f : head.fields) writer.field(text(bytes, f.name), text(bytes, f.value));
    writer.end();
    return writer.ok() ? std::string(writer.text()) : std::string();
}

/// Told without the codec's tables: no control character but the ends of lines, and those whole.
inline bool is_clean(std::string_view head) {
    for (std::size_t i = 0; i < head.size(); ++i) {
        const auto byte = static_cast<unsigned char>(head[i]);
        if (byte == '\n' && (i == 0 || head[i - 1] != '\r')) return false;
        if (byte == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) return false;
        if ((byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f) return false;
    }
    return true;
}

template <class Parser>
std::string broken_invariant_of_head(std::string_view bytes, const Parser& parser, const std::string& said) {
    if (parser.size() > bytes.size()) return "the head is larger than the bytes";
    if (!all_within(parser.size(), parser.head())) return "a range reaches beyond the head";
    if (!is_clean(bytes.substr(0, parser.size()))) return "the head has bytes that must not be there";
    const std::string again = rewritten(bytes.substr(0, parser.size()), parser.head());
    Parser second({.bytes = 65535});  // it may be larger than the original by the spaces
    if (second.parse(again) != http::progress::complete) return "a head that was accepted is not, written anew";
    if (describe(again, second.head()) != said) return "a head that was accepted says something else, written anew";
    return {};
}

inline std::string broken_invariant_of_event(std::string_view in, const http::body_reader::event& event) {
    if (event.consumed > in.size()) return "more is consumed than there was";
    const bool is_data = event.kind == http::body_reader::what::data;
    if (is_data == event.data.empty()) return "data without bytes, or bytes without data";
    if (is_data && event.data.data() + event.data.size() != in.data() + event.consumed) return "data lies elsewhere";
    if (is_data && event.data.size() > event.consumed) return "data begins before the bytes";
    return {};
}

// --- Receiving -----------------------------------------------------------------------------------------------

/// Reads the body from memory of exactly the bytes that are not consumed yet, in pieces that end at the cuts.
inline void receive_body(std::string_view message, http_cuts cuts, http::framing framing, http_outcome& outcome) {
    using what = http::body_reader::what;
    http::body_reader reader(framing);
    std::size_t received = outcome.consumed;
    for (std::size_t next_cut = 0;;) {
        while (next_cut < cuts.size() && cuts[next_cut] <= received) ++next_cut;
        const std::vector<char> bytes(message.begin() + static_cast<std::ptrdiff_t>(outcome.consumed),
                                      message.begin() + static_cast<std::ptrdiff_t>(received));
        const std::string_view in(bytes.data(), bytes.size());
        const http::body_reader::event event = reader.next(in);
        if (outcome.broken.empty()) outcome.broken = broken_invariant_of_event(in, event);
        outcome.consumed += event.consumed;
        outcome.body += event.data;
        if (!outcome.broken.empty() || event.kind == what::end || event.kind == what::failed) break;
        if (event.kind == what::need_more && received == message.size()) break;
        if (event.kind == what::need_more) received = next_cut < cuts.size() ? cuts[next_cut] : message.size();
    }
    outcome.refused = reader.failure();
    outcome.body_ended = reader.ended();
}

/// Receives a message in pieces that end at the cuts, the head each time at another address and in memory of exactly
/// its size. `framing_of` tells the body of a head.
template <class Parser, class FramingOf>
http_outcome receive(std::string_view message, http_cuts cuts, FramingOf framing_of, http::head_limits limits = {}) {
    http_outcome outcome;
    Parser parser(limits);
    for (std::size_t i = 0; outcome.head == http::progress::incomplete && i <= cuts.size(); ++i) {
        const std::size_t received = i < cuts.size() ? cuts[i] : message.size();
        const std::vector<char> bytes(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(received));
        outcome.head = parser.parse({bytes.data(), bytes.size()});
    }
    outcome.refused = parser.failure();
    if (outcome.head != http::progress::complete) return outcome;
    outcome.head_size = outcome.consumed = parser.size();
    outcome.said = describe(message, parser.head());
    outcome.broken = broken_invariant_of_head(message, parser, outcome.said);
    receive_body(message, cuts, framing_of(parser.head()), outcome);
    return outcome;
}

inline http_outcome receive_request(std::string_view message, http_cuts cuts, http::head_limits limits = {}) {
    return receive<http::request_parser>(
        message, cuts, [](const http::request_head& head) { return head.body; }, limits);
}

inline http_outcome receive_response(std::string_view message, http_cuts cuts, http::method asked,
                                     http::head_limits limits = {}) {
    return receive<http::response_parser>(
        message, cuts, [&](const http::response_head& head) { return body_of(head, asked); }, limits);
}

}  // namespace penstock::testing

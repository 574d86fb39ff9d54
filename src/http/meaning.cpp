#include "http/meaning.hpp"

#include "http/bytes.hpp"

#include <limits>

namespace penstock::http::detail {
namespace {

constexpr bool is_hop_by_hop(field_name id) noexcept {
    switch (id) {
        case field_name::connection:
        case field_name::transfer_encoding:
        case field_name::upgrade:
        case field_name::te:
        case field_name::trailer:
        case field_name::keep_alive:
        case field_name::proxy_connection:
        case field_name::proxy_authenticate:
        case field_name::proxy_authorization:
        case field_name::http2_settings: return true;
        case field_name::other:
        case field_name::host:
        case field_name::content_length:
        case field_name::expect:
        case field_name::x_forwarded_for:
        case field_name::x_forwarded_proto:
        case field_name::x_forwarded_host:
        case field_name::forwarded:
        case field_name::via:
        case field_name::date:
        case field_name::server: break;
    }
    return false;
}

/// The next element of a comma-separated list, without the white space around it; `list` becomes the rest.
std::string_view take_element(std::string_view& list) noexcept {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
    while (!element.empty() && is_blank(element.front())) element.remove_prefix(1);
    while (!element.empty() && is_blank(element.back())) element.remove_suffix(1);
    return element;
}

/// One look through the fields; what can only be said of all together is decided behind it.
class field_reader {
  public:
    field_reader(std::string_view bytes, std::span<field> fields) noexcept : bytes_(bytes), fields_(fields) {}

    meaning read(std::uint8_t minor_version) noexcept {
        for (field& f : fields_) {
            if (f.id != field_name::other) take(f);
        }
        if (named_ > 0 && said_.refused.empty()) drop_named();
        if (transfer_encodings_ > 0) {
            judge_transfer_encoding(minor_version);
        } else if (content_lengths_ > 1) {
            refuse("repeated Content-Length");
        }
        return said_;
    }

  private:
    void refuse(std::string_view why) noexcept {
        if (said_.refused.empty()) said_.refused = why;
    }

    void take(field& f) noexcept {
        f.drop = is_hop_by_hop(f.id);
        const std::string_view value = text(bytes_, f.value);
        switch (f.id) {
            case field_name::host:
                if (said_.hosts++ == 0) said_.host = f.value;
                break;
            case field_name::connection: take_connection(value); break;
            case field_name::content_length:
                ++content_lengths_;
                take_content_length(value);
                break;
            case field_name::transfer_encoding:
                ++transfer_encodings_;
                chunked_ = known_text("chunked").is(value);
                break;
            case field_name::upgrade:
                if (said_.upgrade_to.empty()) said_.upgrade_to = f.value;
                break;
            case field_name::expect:
                (known_text("100-continue").is(value) ? said_.expects_continue : said_.expects_other) = true;
                break;
            default: break;
        }
    }

    /// RFC 9112 6.2, without its leave to repair "5, 5".
    void take_content_length(std::string_view value) noexcept {
        constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
        if (value.empty()) return refuse("empty Content-Length");
        std::uint64_t length = 0;
        for (const char c : value) {
            if (!is_digit(c)) return refuse("Content-Length is not one decimal number");
            const auto digit = static_cast<std::uint64_t>(c - '0');
            if (length > (most - digit) / 10) return refuse("Content-Length is too large");
            length = length * 10 + digit;
        }
        said_.body = {body_kind::length, length};
    }

    /// RFC 9112 6.1: whatever two recipients could read in two ways is refused.
    void judge_transfer_encoding(std::uint8_t minor_version) noexcept {
        if (minor_version == 0) return refuse("Transfer-Encoding in HTTP/1.0");
        if (content_lengths_ > 0) return refuse("Content-Length together with Transfer-Encoding");
        if (transfer_encodings_ > 1) return refuse("repeated Transfer-Encoding");
        if (!chunked_) return refuse("Transfer-Encoding is not just chunked");
        said_.body = {body_kind::chunked, 0};
    }

    /// Empty elements are allowed, but count (RFC 9110 5.6.1.2).
    void take_connection(std::string_view list) noexcept {
        if (take_known_option(list)) return count_option();  // nearly always it is one alone
        while (!list.empty()) {
            const std::string_view option = take_element(list);
            if (end_of_token(option, 0) != option.size()) return refuse("Connection names no header");
            count_option();
            if (!take_known_option(option)) ++named_;
        }
    }

    void count_option() noexcept {
        if (++options_ > most_connection_options) refuse("too many options in Connection");
    }

    bool take_known_option(std::string_view option) noexcept {
        if (known_text("close").is(option)) return said_.close = true;
        if (known_text("keep-alive").is(option)) return said_.keep_alive = true;
        if (known_text("upgrade").is(option)) return said_.upgrade_option = true;
        return false;
    }

    void drop_named() noexcept {
        for (const field& f : fields_) {
            if (f.id != field_name::connection) continue;
            std::string_view list = text(bytes_, f.value);
            while (!list.empty()) drop_fields_called(take_element(list));
        }
    }

    void drop_fields_called(std::string_view name) noexcept {
        for (field& f : fields_) {
            if (f.name.size == name.size() && same_text(text(bytes_, f.name), name)) f.drop = true;
        }
    }

    std::string_view bytes_;
    std::span<field> fields_;
    meaning said_;
    unsigned content_lengths_ = 0;
    unsigned transfer_encodings_ = 0;
    bool chunked_ = false;
    unsigned options_ = 0;
    unsigned named_ = 0;  // options that are names of fields
};

}  // namespace

meaning understand_fields(std::string_view bytes, std::span<field> fields, std::uint8_t minor_version) noexcept {
    return field_reader(bytes, fields).read(minor_version);
}

}  // namespace penstock::http::detail

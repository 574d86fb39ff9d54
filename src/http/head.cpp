#include <penstock/http/head.hpp>

namespace penstock::http {
namespace {

std::size_t end_of_path(std::string_view path_and_query) noexcept {
    const std::size_t mark = path_and_query.find('?');
    return mark == path_and_query.npos ? path_and_query.size() : mark;
}

}  // namespace

std::string_view path(std::string_view head_bytes, const request_head& head) noexcept {
    const std::string_view whole = text(head_bytes, head.path_and_query);
    const std::string_view found = whole.substr(0, end_of_path(whole));
    if (!found.empty() || head.method == method::connect) return found;
    return head.method == method::options && whole.empty() ? "*" : "/";
}

std::string_view query(std::string_view head_bytes, const request_head& head) noexcept {
    const std::string_view whole = text(head_bytes, head.path_and_query);
    return whole.substr(end_of_path(whole));
}

framing body_of(const response_head& head, method request_method) noexcept {
    const bool never = head.status < 200 || head.status == 204 || head.status == 304;
    const bool tunnel = request_method == method::connect && head.status < 300;
    if (never || tunnel || request_method == method::head) return {};
    return head.as_sent;
}

}  // namespace penstock::http

#include "admin/access_log.hpp"

#include <penstock/sleep.hpp>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

namespace tinygate {

using namespace penstock;

namespace {

constexpr duration flush_every = std::chrono::milliseconds(250);

void append_number(std::string& to, std::uint64_t n) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    to.append(digits, end);
}

// What is logged was checked for control characters by the codec; a quote or backslash is still somebody's idea.
void append_text(std::string& to, std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    to += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            to += '\\';
            to += c;
        } else if (byte < 0x20 || byte >= 0x7f) {
            to += "\\u00";
            to += hex[byte >> 4];
            to += hex[byte & 15];
        } else {
            to += c;
        }
    }
    to += '"';
}

void append_field(std::string& to, std::string_view name, std::string_view value) {
    to.append(name);
    append_text(to, value);
}

void append_field(std::string& to, std::string_view name, std::uint64_t value) {
    to.append(name);
    append_number(to, value);
}

}  // namespace

task<result<void>> access_log::open(std::string path) {
    auto opened = co_await fs::open(path, {.read = false, .write = true, .create = true, .append = true});
    if (!opened) co_return std::unexpected(opened.error());
    file_ = std::move(*opened);
    enabled_ = true;
    co_return result<void>{};
}

std::string_view access_log::time_of(time_point when) {
    const wall_time wall = outside_.wall_time_at(when);
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count();
    if (since / 1000 != second_) {
        second_ = since / 1000;
        const std::time_t seconds = second_;
        std::tm broken{};
        ::gmtime_r(&seconds, &broken);
        std::strftime(time_, sizeof time_, "%Y-%m-%dT%H:%M:%S.000Z", &broken);
    }
    const auto ms = static_cast<int>(since % 1000);
    time_[20] = static_cast<char>('0' + ms / 100);
    time_[21] = static_cast<char>('0' + ms / 10 % 10);
    time_[22] = static_cast<char>('0' + ms % 10);
    return {time_, 24};
}

void access_log::add(const access_entry& entry) {
    if (!enabled_) return;
    if (lines_.size() + 512 + entry.target.size() > most_) {
        ++dropped_;
        return;
    }
    lines_.append(R"({"time":")").append(time_of(entry.began)).append("\"");
    append_field(lines_, R"(,"client":)", entry.client);
    append_field(lines_, R"(,"method":)", entry.method);
    append_field(lines_, R"(,"host":)", entry.host);
    append_field(lines_, R"(,"target":)", entry.target);
    append_field(lines_, R"(,"status":)", entry.status);
    append_field(lines_, R"(,"received":)", entry.received);
    append_field(lines_, R"(,"sent":)", entry.sent);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(entry.ended - entry.began).count();
    append_field(lines_, R"(,"us":)", static_cast<std::uint64_t>(took));
    append_field(lines_, R"(,"upstream":)", entry.upstream);
    if (!entry.failure.empty()) append_field(lines_, R"(,"failure":)", entry.failure);
    if (dropped_ != 0) append_field(lines_, R"(,"dropped_before":)", std::exchange(dropped_, 0));
    lines_ += "}\n";
}

task<> access_log::flush() {
    while (!lines_.empty()) {
        writing_.clear();
        if (failing_) writing_ += '\n';  // what was written last may have ended anywhere
        writing_ += lines_;
        lines_.clear();
        const auto written = co_await file_.write_all_at(std::as_bytes(std::span(writing_)), 0);  // O_APPEND: the end
        if (!written) {
            const auto lost = static_cast<std::uint64_t>(std::ranges::count(writing_, '\n')) - (failing_ ? 1 : 0);
            dropped_ += lost;
            if (!failing_) {  // once, not with every line
                outside_.complain("access log: " + written.error().message() +
                                  "; lines are dropped until it can be written again");
            }
            failing_ = true;
            co_return;
        }
        failing_ = false;
    }
}

task<> access_log::write_until_cancelled() {
    detail::cancel_state* const surroundings = co_await detail::this_cancellation{};
    for (bool goes_on = true; goes_on;) {
        goes_on = (co_await sleep_for(flush_every)).has_value();
        co_await detail::run_under{nullptr};  // what is begun is written, and what is left at the end
        co_await flush();
        co_await detail::run_under{surroundings};
    }
    co_await detail::run_under{nullptr};
    co_await file_.close();
    co_await detail::run_under{surroundings};
}

}  // namespace tinygate

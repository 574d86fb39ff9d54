#include "admin/access_log.hpp"

#include "admin/json_line.hpp"
#include <penstock/sleep.hpp>

#include <algorithm>
#include <ctime>
#include <utility>

namespace tinygate {

using namespace penstock;

namespace {

constexpr duration flush_every = std::chrono::milliseconds(250);

// Names, numbers and punctuation of a line.
constexpr std::size_t fixed_part = 384;

}  // namespace

task<result<void>> access_log::open(std::string path) {
    auto opened = co_await fs::open(path, {.read = false, .write = true, .create = true, .append = true});
    if (!opened) co_return std::unexpected(opened.error());
    file_ = std::move(*opened);
    enabled_ = true;
    lines_.reserve(most_);  // touched when lines come
    writing_.reserve(most_);
    set_clock();
    co_return result<void>{};
}

// Not for each line: reading clocks costs as much as writing a part of it. Often enough to believe a clock that was
// set.
void access_log::set_clock() {
    const time_point now = current_loop->now();
    wall_at_zero_ = outside_.wall_time_at(now).time_since_epoch() - now.time_since_epoch();
}

std::string_view access_log::time_of(time_point when) {
    const auto wall = when.time_since_epoch() + wall_at_zero_;
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
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
    std::size_t room = fixed_part;
    for (const auto text : {entry.client, entry.method, entry.host, entry.target, entry.upstream, entry.failure}) {
        room += json_line::most_of(text);
    }
    if (lines_.size() + room > most_) {
        ++dropped_;
        return;
    }
    const std::size_t before = lines_.size();
    lines_.resize_and_overwrite(before + room, [&](char* all, std::size_t) {
        return static_cast<std::size_t>(write(all + before, entry) - all);
    });
    if (lines_.size() > most_ / 2 && half_full_ != nullptr) std::exchange(half_full_, nullptr)->request();
}

/// \return the end of the line
char* access_log::write(char* to, const access_entry& entry) {
    json_line line(to);
    line.raw(R"({"time":")").raw(time_of(entry.began)).raw(R"(","client":)").text(entry.client);
    line.raw(R"(,"method":)").text(entry.method).raw(R"(,"host":)").text(entry.host);
    line.raw(R"(,"target":)").text(entry.target).raw(R"(,"status":)").number(entry.status);
    line.raw(R"(,"received":)").number(entry.received).raw(R"(,"sent":)").number(entry.sent);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(entry.ended - entry.began).count();
    line.raw(R"(,"us":)").number(static_cast<std::uint64_t>(took)).raw(R"(,"upstream":)").text(entry.upstream);
    if (!entry.failure.empty()) line.raw(R"(,"failure":)").text(entry.failure);
    if (dropped_ != 0) line.raw(R"(,"dropped_before":)").number(std::exchange(dropped_, 0));
    return line.raw("}\n").end();
}

task<> access_log::flush() {
    while (!lines_.empty()) {
        writing_.clear();
        std::swap(writing_, lines_);
        if (failing_) writing_.insert(0, 1, '\n');  // what was written last may have ended anywhere
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
        {
            detail::cancel_state half_full;  // or the end
            half_full.inherit(surroundings);
            half_full_ = &half_full;
            co_await detail::run_under{&half_full};
            static_cast<void>(co_await sleep_for(flush_every));
            co_await detail::run_under{nullptr};  // what is begun is written, and what is left at the end
            half_full_ = nullptr;
        }
        goes_on = surroundings == nullptr || !surroundings->requested();
        set_clock();
        co_await flush();
    }
    co_await file_.close();
    co_await detail::run_under{surroundings};
}

}  // namespace tinygate

#include "cli/progress_view.hpp"

#include "report/text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

constexpr std::chrono::seconds between_lines(10);

std::size_t columns_of_terminal() {
    winsize size{};
    return ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string bar(double done) {
    constexpr int wide = 20;
    const int full = static_cast<int>(std::clamp(done, 0.0, 1.0) * wide);
    std::string text;
    for (int i = 0; i < wide; ++i) text += i < full ? "█" : "░";
    return text;
}

/// Its first columns; a line that wraps could not be taken back.
std::string cut(const std::string& text, std::size_t columns) {
    std::string kept = text;
    while (columns_of(kept) > columns) {
        while (!kept.empty() && (static_cast<unsigned char>(kept.back()) & 0xC0U) == 0x80U) kept.pop_back();
        kept.pop_back();
    }
    return kept;
}

}  // namespace

progress_view::progress_view() : live_(::isatty(2) != 0) {}

void progress_view::show(const progress& at) {
    if (live_) return show_line(at);
    const auto now = std::chrono::steady_clock::now();
    if (at.round == round_ && now - told_ < between_lines) return;
    round_ = at.round;
    told_ = now;
    std::fprintf(stderr, "%s  round %u of %u, %s left: %s\n", clock_text(now - started_).c_str(), at.round, at.rounds,
                 clock_text(at.remaining).c_str(), at.workload.c_str());
}

void progress_view::show_line(const progress& at) {
    char share[16];
    std::snprintf(share, sizeof share, "%3.0f %%", at.done * 100);
    const std::string text = bar(at.done) + " " + share + "  " + clock_text(at.remaining) + " left  " + at.workload +
                             ", " + at.at + ": " + at.by + ", round " + std::to_string(at.round) + " of " +
                             std::to_string(at.rounds);
    std::fprintf(stderr, "\r\033[K%s", cut(text, columns_of_terminal() - 1).c_str());
    std::fflush(stderr);
}

void progress_view::finish() {
    if (!live_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
}

std::string clock_text(std::chrono::duration<double> time) {
    const auto seconds = static_cast<long>(time.count() + 0.5);
    char text[32];
    std::snprintf(text, sizeof text, "%ld:%02ld", seconds / 60, seconds % 60);
    return text;
}

}  // namespace iobench

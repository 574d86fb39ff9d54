#include "report/palette.hpp"

#include "report/chart_parts.hpp"

#include <algorithm>
#include <array>

namespace iobench {

namespace {

struct two_tones {
    std::string_view light;
    std::string_view dark;
};

// Told apart with every kind of colour vision (palette_test.cpp), at least where it matters: among the first ones.
constexpr std::array<two_tones, hues> tones = {{
    {"#2a6fd6", "#5a9bff"},  // blue
    {"#e0611a", "#f08a4b"},  // orange
    {"#0f9d77", "#2cc79d"},  // green
    {"#5b3fb0", "#a793ff"},  // violet
    {"#b98500", "#e3b341"},  // gold
    {"#d6589a", "#f08cc0"},  // pink
    {"#0a5c63", "#59b8c4"},  // petrol
    {"#a3282d", "#ff8077"},  // red
}};

struct owner {
    std::string_view name;
    look as;
};

// By what stands after the group in a name, and for peers by the name of the library.
constexpr owner owners[] = {
    {"io_uring", {0, 0}}, {"epoll", {1, 1}}, {"linux_aio", {2, 2}}, {"threads", {3, 3}},  {"poll", {4, 4}},
    {"select", {6, 3}},   {"sigio", {5, 2}}, {"posix_aio", {7, 4}}, {"asio", {5, 3}},     {"libuv", {2, 4}},
    {"libevent", {7, 2}}, {"fio", {4, 1}},   {"libaio", {6, 2}},    {"liburing", {3, 0}}, {"splice", {3, 4}},
};

std::string_view key_of(const contender& who) {
    std::string_view name = who.name;
    const auto slash = name.find('/');
    if (slash != std::string_view::npos) name = who.of == group::peer ? name.substr(0, slash) : name.substr(slash + 1);
    return name.substr(0, name.find_first_of(":+ "));
}

std::string variables(std::string_view two_tones::* tone) {
    std::string out;
    for (int i = 0; i < hues; ++i) {
        out += "--hue" + std::to_string(i) + ":" + std::string(tones[static_cast<std::size_t>(i)].*tone) + ";";
    }
    return out;
}

// Of the groups, where a colour stands for nothing else: bars and the dots of the summary.
constexpr std::string_view groups_on_light = "--own:#2a6fd6;--bare:#7d8491;--peer:#c2701c;";
constexpr std::string_view groups_on_dark = "--own:#5a9bff;--bare:#8b93a1;--peer:#e09a4f;";

}  // namespace

look look_of(const contender& who) {
    const std::string_view key = key_of(who);
    const auto* const found = std::ranges::find(owners, key, &owner::name);
    if (found != std::end(owners)) return found->as;
    unsigned sum = 0;  // of no meaning, but always the same
    for (const char c : key) sum = sum * 31 + static_cast<unsigned char>(c);
    return {static_cast<int>(sum % hues), static_cast<int>(sum / hues % marker_shapes)};
}

std::string_view hue_on_light(int hue) { return tones[static_cast<std::size_t>(hue)].light; }
std::string_view hue_on_dark(int hue) { return tones[static_cast<std::size_t>(hue)].dark; }

std::string palette_css() {
    std::string out = ":root{" + variables(&two_tones::light) + std::string(groups_on_light) + "}\n";
    out += "@media (prefers-color-scheme:dark){:root{" + variables(&two_tones::dark) + std::string(groups_on_dark) +
           "}}\n";
    for (int i = 0; i < hues; ++i) {
        out += ".h" + std::to_string(i) + "{--c:var(--hue" + std::to_string(i) + ")}";
    }
    return out + "\n";
}

std::string classes_of(const contender& who) {
    constexpr const char* groups[] = {"penstock", "bare", "peer"};
    return "h" + std::to_string(look_of(who).hue) + " " + groups[static_cast<int>(who.of)];
}

std::string marker_path(const contender& who, double x, double y, double r) {
    const auto at = [&](double dx, double dy) { return coordinate(x + dx * r) + " " + coordinate(y + dy * r); };
    switch (look_of(who).marker) {
        case 1: return "M" + at(-.9, -.9) + "L" + at(.9, -.9) + "L" + at(.9, .9) + "L" + at(-.9, .9) + "Z";  // square
        case 2: return "M" + at(0, -1.2) + "L" + at(1.1, .8) + "L" + at(-1.1, .8) + "Z";                     // triangle
        case 3: return "M" + at(0, -1.3) + "L" + at(1.3, 0) + "L" + at(0, 1.3) + "L" + at(-1.3, 0) + "Z";    // diamond
        case 4: return "M" + at(0, 1.2) + "L" + at(1.1, -.8) + "L" + at(-1.1, -.8) + "Z";  // triangle on its tip
        default: {
            const std::string arc = "a" + coordinate(r) + " " + coordinate(r) + " 0 1 0 ";
            return "M" + at(-1, 0) + arc + coordinate(2 * r) + " 0" + arc + coordinate(-2 * r) + " 0Z";
        }
    }
}

}  // namespace iobench

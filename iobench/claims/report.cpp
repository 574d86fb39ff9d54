#include "claims/report.hpp"

#include "report/text.hpp"

#include <cmath>
#include <cstdio>
#include <map>

namespace iobench {

namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, std::fabs(value) >= 1000 ? "%.0f" : "%.3g", value);
    return text;
}

std::string limits(const quantity& of) {
    if (!of.judged) return {};
    const bool least = std::isfinite(of.low);
    const bool most = std::isfinite(of.high);
    if (least && most) return ", said: " + number(of.low) + " to " + number(of.high);
    if (least) return ", said: at least " + number(of.low);
    return most ? ", said: at most " + number(of.high) : "";
}

std::string line(const shown& one) {
    const std::string unit = one.of->unit.empty() ? "" : " " + one.of->unit;
    return one.of->label + ": " + number(one.value.value) + unit + " [" + number(one.value.low) + ", " +
           number(one.value.high) + "]" + limits(*one.of);
}

/// Behind four blanks, further lines behind eleven: below what is said, and not below what it is called.
std::string hanging(const std::string& text) {
    constexpr std::size_t indent = 4;
    constexpr std::size_t called = 7;
    std::string all;
    const auto lines = wrapped(text.substr(called), terminal_columns() - indent - called);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        all +=
            std::string(indent, ' ') + (i == 0 ? text.substr(0, called) : std::string(called, ' ')) + lines[i] + "\n";
    }
    return all;
}

nlohmann::json finite(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); }

std::string tail(const std::vector<finding>& all, const char* name) {
    std::map<ruling, int> counts;
    for (const finding& one : all) ++counts[one.is];
    std::string text = std::to_string(all.size()) + " " + name + ":";
    for (const auto& [is, count] : counts) text += " " + std::to_string(count) + " " + std::string(to_string(is)) + ",";
    text.back() = '\n';
    return text;
}

}  // namespace

std::string claims_text(const std::vector<finding>& all, const char* name) {
    std::string text;
    for (const finding& one : all) {
        text += one.of->id + ": " + std::string(to_string(one.is)) + "\n";
        const auto add = [&](const char* before, const std::string& more) {
            if (!more.empty()) text += hanging(before + more);
        };
        add("said:  ", one.of->says + " [" + one.of->source + "]");
        for (const shown& figure : one.figures) add("here:  ", line(figure));
        add("known: ", one.of->fact.shows);
        add("why:   ", one.why);
        add("note:  ", one.of->note);
        if (one.is != ruling::not_measured) add("by:    ", command_of(*one.of));
        if (!one.of->figures.empty()) add("and:   ", one.of->fact.by);
    }
    return text + "\n" + tail(all, name);
}

nlohmann::json claims_json(const std::vector<finding>& all) {
    auto rows = nlohmann::json::array();
    for (const finding& one : all) {
        auto figures = nlohmann::json::array();
        for (const shown& each : one.figures) {
            figures.push_back({{"label", each.of->label},
                               {"unit", each.of->unit},
                               {"value", each.value.value},
                               {"low", each.value.low},
                               {"high", each.value.high},
                               {"said", each.of->judged ? nlohmann::json({finite(each.of->low), finite(each.of->high)})
                                                        : nlohmann::json()}});
        }
        rows.push_back(
            {{"id", one.of->id},
             {"source", one.of->source},
             {"says", one.of->says},
             {"verdict", to_string(one.is)},
             {"figures", figures},
             {"settled", {{"by", one.of->fact.by}, {"case", one.of->fact.named}, {"shows", one.of->fact.shows}}},
             {"why", one.why},
             {"note", one.of->note},
             {"command", command_of(*one.of)}});
    }
    return {{"claims", rows}};
}

}  // namespace iobench

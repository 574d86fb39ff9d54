#include "report/html.hpp"

#include "report/assets.hpp"
#include "report/environment_text.hpp"
#include "report/html_parts.hpp"
#include "report/html_text.hpp"
#include "report/palette.hpp"
#include "report/quantity.hpp"

namespace iobench {

namespace {

std::string head(const results& all) {
    std::string out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
    out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    out += "<meta name=\"color-scheme\" content=\"light dark\">\n";
    // An icon of its own, or the browser asks the server for one.
    out += "<link rel=\"icon\" href=\"data:,\">\n";
    out += "<title>iobench: " + escaped(machine_line(all.environment)) + "</title>\n";
    return out + "<style>\n" + palette_css() + std::string(assets::chart_style) + std::string(assets::style) +
           "</style>\n</head>\n";
}

std::string run_line(const results& all) {
    std::string out;
    if (const std::string when = time_of(all.environment); !when.empty()) out += escaped(when) + " · ";
    out += quantity(all.seconds, "s");
    if (!all.command.empty()) out += " · <code>" + escaped(all.command) + "</code>";
    return out;
}

std::string contents(const std::vector<ranked_workload>& ranked) {
    std::string out = "<nav aria-label=\"Contents\"><ul>\n";
    for (const ranked_workload& one : ranked) {
        out += "<li><a href=\"#" + anchor(one.about->name) + "\">" + escaped(one.about->title) + "</a></li>\n";
    }
    return out +
           "<li><a href=\"#machine\">Machine</a></li>\n<li><a href=\"#left-out\">Left out</a></li>\n"
           "<li><a href=\"#how-to-read\">How to read this</a></li>\n</ul></nav>\n";
}

std::string data(const results& all) {
    // Other than UTF-8 can't be in JSON; what a kernel or a device calls itself may hold anything.
    const std::string json = to_json(all).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return "<script type=\"application/json\" id=\"results\">" + script_safe(json) + "</script>\n";
}

}  // namespace

std::string html_report(const results& all) {
    const auto ranked = rank(all);
    std::string out = head(all) + "<body>\n<header>\n<h1>I/O models side by side</h1>\n";
    out += "<p class=\"machine\">" + escaped(machine_line(all.environment)) + "</p>\n";
    out += "<p class=\"run\">" + run_line(all) + "</p>\n</header>\n<main>\n";
    out += warnings_part(all) + summary_part(ranked) + contents(ranked);
    for (const ranked_workload& one : ranked) out += workload_part(one);
    out += environment_part(all) + left_out_part(all);
    out += std::string(assets::how_to_read) + "</main>\n" + data(all);
    return out + "<script>\n" + std::string(assets::script) + "</script>\n</body>\n</html>\n";
}

}  // namespace iobench

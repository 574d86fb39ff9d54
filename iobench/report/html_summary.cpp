#include "report/headline.hpp"
#include "report/html_charts.hpp"
#include "report/html_parts.hpp"
#include "report/html_text.hpp"

namespace iobench {

namespace {

std::string names(const std::vector<contender>& all) {
    std::string out;
    for (const contender& who : all) out += (out.empty() ? "" : ", ") + name_tag(who);
    return out;
}

std::vector<contender> tied_with(const headline& line) {
    std::vector<contender> all;
    for (const follower& one : line.here.others) {
        if (one.tied) all.push_back(one.who);
    }
    return all;
}

std::string row(const headline& line) {
    const description& about = *line.of->about;
    std::string out = "<li>\n<div class=\"what\"><a href=\"#" + anchor(about.name) + "\">" + escaped(about.title) +
                      "</a><span class=\"where\">" + escaped(line.here.where()) + "</span></div>\n";
    out += "<div class=\"best\">" + name_tag(line.here.leader) + "<span class=\"value\">" + escaped(line.value) +
           "</span><span class=\"by\">" + escaped(line.of->by().title) + "</span></div>\n<div class=\"others\">";
    out += draw_strip(strip_of(*line.of, line.here), "How far behind the best the others are");
    if (const auto tied = tied_with(line); !tied.empty()) out += "<p>tied: " + names(tied) + "</p>";
    if (!line.of_penstock.empty()) out += "<p>best of penstock: " + escaped(line.of_penstock) + "</p>";
    if (!line.behind.empty()) out += "<p>" + escaped(line.behind) + "</p>";
    return out + "</div>\n</li>\n";
}

}  // namespace

std::string summary_part(const std::vector<ranked_workload>& all) {
    std::string out = "<section id=\"summary\">\n" + heading(2, "summary", "Who leads where");
    out += "<ol class=\"headlines\">\n";
    for (const headline& line : headlines(all)) out += row(line);
    return out + "</ol>\n</section>\n";
}

}  // namespace iobench

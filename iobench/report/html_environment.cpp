#include "report/environment_text.hpp"
#include "report/html_parts.hpp"
#include "report/html_text.hpp"

namespace iobench {

std::string warnings_part(const results& all) {
    auto lines = warnings(all.environment);
    if (!all.complete) lines.insert(lines.begin(), "the run was interrupted: this is what it had measured until then");
    if (lines.empty()) return {};
    std::string out = "<aside class=\"warnings\" aria-label=\"Warnings\">\n<p>Keep in mind:</p>\n<ul>\n";
    for (const std::string& line : lines) out += "<li>" + escaped(line) + "</li>\n";
    return out + "</ul>\n</aside>\n";
}

std::string environment_part(const results& all) {
    std::string out = "<section id=\"machine\">\n" + heading(2, "machine", "The machine") + "<dl>\n";
    for (const fact& one : environment_facts(all.environment)) {
        out += "<div><dt>" + escaped(one.name) + "</dt><dd>" + escaped(one.value) + "</dd></div>\n";
    }
    return out + "</dl>\n</section>\n";
}

std::string left_out_part(const results& all) {
    std::string out = "<section id=\"left-out\">\n" + heading(2, "left-out", "What was left out");
    if (all.left_out.empty()) return out + "<p>Nothing.</p>\n</section>\n";
    out +=
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"What was left out\">\n"
        "<table class=\"texts\">\n<thead><tr><th scope=\"col\">what</th><th "
        "scope=\"col\">why</th></tr></thead>\n<tbody>\n";
    for (const skipped& one : all.left_out) {
        out += "<tr><th scope=\"row\">" + escaped(one.what) + "</th><td>" + escaped(one.why) + "</td></tr>\n";
    }
    return out + "</tbody>\n</table>\n</div>\n</section>\n";
}

}  // namespace iobench

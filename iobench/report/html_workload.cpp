#include "report/html_charts.hpp"
#include "report/html_parts.hpp"
#include "report/html_text.hpp"

namespace iobench {

std::string heading(int level, const std::string& id, const std::string& text) {
    const std::string tag = "h" + std::to_string(level);
    return "<" + tag + "><a class=\"anchor\" href=\"#" + id + "\">" + escaped(text) + "</a></" + tag + ">\n";
}

std::string name_tag(const contender& who) {
    return "<span class=\"name " + anchor(title_of(who.of)) + "\">" + escaped(who.name) + "</span>";
}

std::string workload_part(const ranked_workload& work) {
    const std::string id = anchor(work.about->name);
    std::string out = "<section id=\"" + id + "\" class=\"workload\">\n" + heading(2, id, work.about->title);
    out += "<p class=\"says\">" + escaped(work.about->says) + "</p>\n";
    out += charts_part(work);
    if (work.points.size() > 1) out += sweep_table(work);
    const bool folded = work.points.size() > 1;
    for (const ranked_point& here : work.points) {
        const std::string title = "Every measure at " + here.at.name;
        if (folded) {
            out += "<details><summary>" + escaped(title) + "</summary>\n" + point_table(work, here) + "</details>\n";
        } else {
            out += "<h3>" + escaped(here.at.name) + "</h3>\n" + point_table(work, here);
        }
    }
    return out + "</section>\n";
}

}  // namespace iobench

#include "report/chart_parts.hpp"

#include "report/html_text.hpp"

#include <cmath>
#include <cstdio>

namespace iobench {

std::string coordinate(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    std::string out = text;
    if (out.ends_with(".0")) out.resize(out.size() - 2);
    return out == "-0" ? "0" : out;
}

std::string svg_text(double x, double y, std::string_view text, align how, std::string_view of_class) {
    constexpr const char* anchors[] = {"start", "middle", "end"};
    return "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" text-anchor=\"" +
           anchors[static_cast<int>(how)] + "\" class=\"" + std::string(of_class) + "\">" + escaped(text) + "</text>\n";
}

std::string svg_line(double x1, double y1, double x2, double y2, std::string_view of_class) {
    return "<line x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) + "\" x2=\"" + coordinate(x2) + "\" y2=\"" +
           coordinate(y2) + "\" class=\"" + std::string(of_class) + "\"/>\n";
}

std::string svg_path(const std::string& path, std::string_view of_class, std::string_view tip) {
    const std::string start = "<path d=\"" + path + "\" class=\"" + std::string(of_class) + "\"";
    if (tip.empty()) return start + "/>\n";
    return start + "><title>" + escaped(tip) + "</title></path>\n";
}

std::string svg_open(double width, double height, std::string_view of_class, std::string_view label) {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + coordinate(width) + " " + coordinate(height) +
           "\" class=\"" + std::string(of_class) + "\" role=\"img\" aria-label=\"" + escaped(label) + "\">\n";
}

double text_width(std::string_view text) {
    constexpr double average = 6.6;
    double letters = 0;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++letters;  // bytes that continue a letter are none
    }
    return letters * average;
}

}  // namespace iobench

// Elements of SVG, and what the charts have in common.
#pragma once

#include <string>
#include <string_view>

namespace iobench {

/// With at most one decimal: a tenth of a pixel is enough.
std::string coordinate(double value);

enum class align { start, middle, end };

/// `text` is plain. `of_class` gives size and colour.
std::string svg_text(double x, double y, std::string_view text, align how, std::string_view of_class);
std::string svg_line(double x1, double y1, double x2, double y2, std::string_view of_class);
/// A shape with a text that browsers show on hovering; none if `tip` is empty. `tip` is plain.
std::string svg_path(const std::string& path, std::string_view of_class, std::string_view tip = {});
/// The element itself: `label` is for who can't see it, plain.
std::string svg_open(double width, double height, std::string_view of_class, std::string_view label);

/// About as wide as this text will be, in pixels, in the charts' font at a size of 12.
double text_width(std::string_view text);

}  // namespace iobench

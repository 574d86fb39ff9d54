// How contenders look: a hue and a marker for the mechanism, a kind of stroke for the group. So that nothing hangs on
// colour alone, and the same contender looks the same in every chart of every report.
#pragma once

#include "model/workload.hpp"

#include <string>
#include <string_view>

namespace iobench {

constexpr int hues = 8;
constexpr int marker_shapes = 5;

struct look {
    int hue = 0;     ///< 0 to hues-1: the class "h0" and so on of palette_css()
    int marker = 0;  ///< 0 to marker_shapes-1
};

look look_of(const contender&);

/// "#rrggbb" of a hue, on a light and on a dark page.
std::string_view hue_on_light(int hue);
std::string_view hue_on_dark(int hue);

/// The rules for classes h0… (their custom property --c), and for what charts are drawn with; light and dark.
std::string palette_css();

/// Of a class attribute: "h0 penstock".
std::string classes_of(const contender&);

/// A path around (x, y) with the contender's marker, `radius` wide on either side.
std::string marker_path(const contender&, double x, double y, double radius);

}  // namespace iobench

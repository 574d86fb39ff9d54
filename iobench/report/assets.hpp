// Files of this folder that are part of the program: CMake puts them in (see assets.cpp.in).
#pragma once

#include <string_view>

namespace iobench::assets {

extern const std::string_view style;        ///< style.css
extern const std::string_view chart_style;  ///< chart_style.css
extern const std::string_view script;       ///< script.js
extern const std::string_view how_to_read;  ///< how_to_read.html

}  // namespace iobench::assets

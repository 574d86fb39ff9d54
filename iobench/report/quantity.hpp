// Numbers for people: as many digits as mean something, thousands set apart, and units of a fitting size.
#pragma once

#include <string>
#include <string_view>

namespace iobench {

/// Three significant digits, and no fewer than those of the whole part, which is set in groups: "0.0123", "4.20",
/// "317", "66,452". Not a number gives "–".
std::string plain_number(double value);

/// A ratio: "1.08 ×", "0.42 ×", "12 ×".
std::string ratio(double value);

/// The unit in which values of a metric are shown.
struct shown_unit {
    double divisor = 1;  ///< shown is value / divisor
    std::string name;    ///< "ms", "KiB", "1/s"
};

/// The unit in which a value of that size reads well: 20,000 of "µs" are 20 "ms", 1,048,576 "bytes" are 1 "MiB". Units
/// that it does not know stay as they are.
shown_unit unit_for(std::string_view unit, double typical);

/// With its unit, in one that fits: "4.20 µs", "1.50 MiB", "66,452 /s".
std::string quantity(double value, std::string_view unit);

/// `number` with what people write after it: "/s" for "1/s", nothing for no unit. A narrow no-break space is between.
std::string with_unit(const std::string& number, std::string_view unit);

}  // namespace iobench

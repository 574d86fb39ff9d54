#include "report/quantity.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>

namespace iobench {

namespace {

constexpr double digits = 3;

std::string fixed(double value, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

std::string in_groups(std::string whole) {
    const auto first = whole.find_first_of("0123456789");
    for (auto at = static_cast<long>(whole.size()) - 3; at > static_cast<long>(first); at -= 3) {
        whole.insert(static_cast<std::size_t>(at), ",");
    }
    return whole;
}

struct step {
    double size;
    const char* name;
};

constexpr step times[] = {{1e-9, "ns"}, {1e-6, "µs"}, {1e-3, "ms"}, {1, "s"}};
constexpr step amounts[] = {{1, "bytes"}, {1024., "KiB"}, {1024. * 1024, "MiB"}, {1024. * 1024 * 1024, "GiB"}};
constexpr step rates_of_bytes[] = {
    {1, "bytes/s"}, {1024., "KiB/s"}, {1024. * 1024, "MiB/s"}, {1024. * 1024 * 1024, "GiB/s"}};

/// The largest unit of which there is at least one.
shown_unit fit(std::span<const step> steps, const step& given, double typical) {
    const double size = std::abs(typical) * given.size;
    const step* chosen = &given;
    if (size > 0) {
        chosen = &steps.front();
        for (const step& one : steps) {
            if (size >= one.size) chosen = &one;
        }
    }
    return {chosen->size / given.size, chosen->name};
}

}  // namespace

std::string plain_number(double value) {
    if (!std::isfinite(value)) return "–";
    if (value == 0) return "0";
    int decimals = static_cast<int>(digits - 1 - std::floor(std::log10(std::abs(value))));
    // 9.999 has one digit before the point, but 10.0 is what it is rounded to.
    const double unit = std::pow(10, -decimals);
    decimals = static_cast<int>(digits - 1 - std::floor(std::log10(std::abs(std::round(value / unit) * unit)) + 1e-12));
    return decimals <= 0 ? in_groups(fixed(value, 0)) : fixed(value, decimals);
}

std::string ratio(double value) {
    const std::string number = value < 10 ? fixed(value, 2) : plain_number(std::round(value));
    return (value < 10 || value >= 99.5 ? number : fixed(value, 0)) + " ×";
}

shown_unit unit_for(std::string_view unit, double typical) {
    for (const std::span<const step> steps :
         {std::span<const step>(times), std::span<const step>(amounts), std::span<const step>(rates_of_bytes)}) {
        const auto given = std::ranges::find(steps, unit, &step::name);
        if (given != steps.end()) return fit(steps, *given, typical);
    }
    return {1, std::string(unit)};
}

std::string with_unit(const std::string& number, std::string_view unit) {
    if (unit.empty()) return number;
    return number + " " + (unit == "1/s" ? "/s" : std::string(unit));
}

std::string quantity(double value, std::string_view unit) {
    const shown_unit shown = unit_for(unit, value);
    return with_unit(plain_number(value / shown.divisor), shown.name);
}

}  // namespace iobench

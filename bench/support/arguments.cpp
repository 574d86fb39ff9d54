#include "arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace bench {

arguments::arguments(int count, char** values, const specification& allowed) : usage_{allowed.usage} {
    for (int i = 1; i < count; ++i) {
        const std::string_view name = values[i];
        if (std::ranges::find(allowed.flags, name) != allowed.flags.end()) {
            values_.emplace(name, "");
        } else if (std::ranges::find(allowed.options, name) == allowed.options.end()) {
            misuse("unknown argument '" + std::string{name} + "'");
        } else if (i + 1 == count) {
            misuse("a value is missing after '" + std::string{name} + "'");
        } else {
            values_.emplace(name, values[++i]);
        }
    }
}

bool arguments::has(std::string_view name) const { return values_.contains(name); }

std::string arguments::text(std::string_view name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) {
        misuse("'" + std::string{name} + "' is required");
    }
    return found->second;
}

double arguments::number(std::string_view name, double otherwise) const {
    const auto found = values_.find(name);
    if (found == values_.end()) {
        return otherwise;
    }
    const std::string& value = found->second;
    double parsed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (error != std::errc{} || end != value.data() + value.size() || parsed <= 0) {
        misuse("'" + std::string{name} + "' needs a positive number, not '" + value + "'");
    }
    return parsed;
}

void arguments::misuse(std::string_view what) const {
    std::fprintf(stderr, "%.*s; usage: %s\n", static_cast<int>(what.size()), what.data(), usage_.c_str());
    std::exit(2);
}

}  // namespace bench

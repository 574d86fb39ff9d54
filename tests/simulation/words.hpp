// Sentences with values in them. GCC 12 has no std::format.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace simulated {

template <class T>
std::string text_of(const T& value) {
    if constexpr (std::integral<T>) {
        return std::to_string(value);
    } else {
        return std::string(value);
    }
}

/// `form` with each `{}` replaced by the next of `values`.
inline std::string filled(std::string_view form, std::initializer_list<std::string> values) {
    std::string text;
    for (const std::string& value : values) {
        const std::size_t place = form.find("{}");
        if (place == std::string_view::npos) break;
        text.append(form.substr(0, place)).append(value);
        form.remove_prefix(place + 2);
    }
    return text.append(form);
}

}  // namespace simulated

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// `--name value` options and bare `--flag`s of a measuring program. A mistake ends the program with one clear
// line and status 2, because a benchmark that quietly ignores an option measures something else than was
// asked for.
class arguments {
  public:
    struct specification {
        std::string_view usage;
        std::vector<std::string_view> options;
        std::vector<std::string_view> flags;
    };

    arguments(int count, char** values, const specification& allowed);

    [[nodiscard]] bool has(std::string_view name) const;
    [[nodiscard]] std::string text(std::string_view name) const;
    [[nodiscard]] double number(std::string_view name, double otherwise) const;
    [[noreturn]] void misuse(std::string_view what) const;

  private:
    std::string usage_;
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace bench

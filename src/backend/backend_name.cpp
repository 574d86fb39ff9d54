#include "backend/backend_name.hpp"

#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace penstock::detail {
namespace {

// The words of a name, said once: for reading them and for listing them.
struct trigger_word {
    std::string_view word;
    void (*note)(backend_options&);
};
constexpr std::array trigger_words{
    trigger_word{"edge", [](backend_options& o) { o.trigger = epoll_trigger::edge; }},
    trigger_word{"level", [](backend_options& o) { o.trigger = epoll_trigger::level; }},
    trigger_word{"oneshot", [](backend_options& o) { o.trigger = epoll_trigger::one_shot; }},
    trigger_word{"exclusive", [](backend_options& o) { o.exclusive_accept = true; }},
};

struct files_word {
    std::string_view word;
    file_engine engine;
};
constexpr std::array files_words{
    files_word{"threads", file_engine::threads},
    files_word{"posix_aio", file_engine::posix_aio},
    files_word{"linux_aio", file_engine::linux_aio},
};

setup_error wrong(std::string message) {
    return {std::make_error_code(std::errc::invalid_argument), std::move(message)};
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string list_of(const auto& words) {
    std::string list;
    for (const auto& each : words) list.append(list.empty() ? "" : ", ").append(each.word);
    return list;
}

std::string list_mechanisms(std::span<const mechanism> all) {
    std::string names = "auto";
    for (const mechanism& m : all) names.append(", ").append(m.name);
    return names;
}

const auto* find_word(const auto& words, std::string_view word) {
    for (const auto& each : words) {
        if (each.word == word) return &each;
    }
    return static_cast<decltype(words.data())>(nullptr);
}

std::expected<void, setup_error> note_words(const mechanism& m, std::string_view words, backend_options& options) {
    while (!words.empty()) {
        const std::size_t colon = std::min(words.find(':'), words.size());
        const std::string_view word = words.substr(0, colon);
        const auto* const known = m.triggers ? find_word(trigger_words, word) : nullptr;
        if (known == nullptr) {
            return std::unexpected(wrong("backend " + std::string(m.name) + " has no option " + quoted(word) +
                                         (m.triggers ? "; it has: " + list_of(trigger_words) : "; it has none")));
        }
        known->note(options);
        words.remove_prefix(std::min(colon + 1, words.size()));
    }
    return {};
}

std::expected<void, setup_error> note_seed(const mechanism& m, std::string_view word, backend_options& options) {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seed);
    if (error != std::errc() || end != word.data() + word.size()) {
        return std::unexpected(wrong("backend " + std::string(m.name) + " takes a number as its seed, as in " +
                                     std::string(m.name) + ":7; " + quoted(word) + " is none"));
    }
    options.seed = seed;
    return {};
}

std::expected<void, setup_error> note_files(const mechanism& m, std::string_view word, backend_options& options) {
    const auto* const known = find_word(files_words, word);
    if (known == nullptr) {
        return std::unexpected(wrong("nothing called " + quoted(word) +
                                     " does the work on files; choose one of: " + list_of(files_words)));
    }
    if (!m.by_readiness) {
        return std::unexpected(wrong("backend " + std::string(m.name) +
                                     " does its work on files by itself; say it without +" + std::string(word)));
    }
    options.files = known->engine;
    return {};
}

}  // namespace

std::expected<const mechanism*, setup_error> parse_backend_name(std::string_view name, std::span<const mechanism> all,
                                                                backend_options& options) {
    const std::size_t plus = std::min(name.find('+'), name.size());
    const std::size_t colon = std::min(name.find(':'), plus);
    for (const mechanism& m : all) {
        if (m.name != name.substr(0, colon)) continue;
        if (colon != plus) {
            const std::string_view said = name.substr(colon + 1, plus - colon - 1);
            auto noted = m.seeded ? note_seed(m, said, options) : note_words(m, said, options);
            if (!noted) return std::unexpected(std::move(noted.error()));
        }
        if (plus != name.size()) {
            auto noted = note_files(m, name.substr(plus + 1), options);
            if (!noted) return std::unexpected(std::move(noted.error()));
        }
        return &m;
    }
    return std::unexpected(
        wrong("unknown backend " + quoted(name.substr(0, colon)) + "; choose one of: " + list_mechanisms(all)));
}

}  // namespace penstock::detail

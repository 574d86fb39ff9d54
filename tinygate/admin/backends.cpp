#include "admin/backends.hpp"

#include <penstock/explain.hpp>

#include <algorithm>
#include <vector>

namespace tinygate {

using namespace penstock;

namespace {

constexpr std::size_t kind_width = 10;
constexpr std::size_t cell_width = 12;

void pad(std::string& text, std::size_t to) { text.resize(std::max(text.size(), to), ' '); }

std::string rule(std::size_t columns) { return std::string(kind_width + columns * cell_width, '-') + "\n"; }

// `offloaded*` where a cancel takes effect at completion only.
std::string cell(const capability& c, bool own_world) {
    const bool in_memory = own_world && c.support != support::unsupported;
    std::string text(in_memory ? "in-memory" : to_string(c.support));
    if (c.support != support::unsupported && c.cancellation == cancellation::at_completion) text += '*';
    return text;
}

}  // namespace

std::string describe_backends() {
    const std::vector<backend_report> all = survey_backends();
    std::string text = "Backends, best first\n";
    std::vector<const backend_report*> working;
    for (const backend_report& b : all) {
        std::string line = "  " + b.name;
        pad(line, 2 + cell_width);
        line += (b.works ? "works   " : "-       ") + (b.works ? b.description : b.why_not) + "\n";
        text += line;
        if (b.works) working.push_back(&b);
    }
    if (working.empty()) return text;

    std::string header = "Operation";
    for (std::size_t i = 0; i < working.size(); ++i) {
        pad(header, kind_width + i * cell_width);
        header += working[i]->name;
    }
    text += "\n" + header + "\n" + rule(working.size());
    std::vector<std::string> notes;
    for (std::size_t k = 0; k < op_kind_count; ++k) {
        const auto kind = static_cast<op_kind>(k);
        std::string line(to_string(kind));
        for (std::size_t i = 0; i < working.size(); ++i) {
            const capability& c = working[i]->capabilities[kind];
            pad(line, kind_width + i * cell_width);
            line += cell(c, working[i]->capabilities.own_world);
            if (!c.why.empty()) {
                notes.push_back("  " + working[i]->name + ", " + std::string(to_string(kind)) + ": " +
                                std::string(c.why));
            }
        }
        text += line + "\n";
    }
    text +=
        "\nnative: by the mechanism or a call that can't block; emulated: polled, then called; offloaded: on a thread\n"
        "of a bounded pool; in-memory: none of it is real. * a cancelled one ends when the kernel is done with it.\n";
    for (const std::string& note : notes) text += note + "\n";
    return text;
}

}  // namespace tinygate

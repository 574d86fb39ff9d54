#include "cli/report_command.hpp"

#include "cli/say.hpp"
#include "model/results.hpp"
#include "report/html.hpp"
#include "report/markdown.hpp"
#include "report/terminal.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace iobench {

namespace {

bool write(const std::string& path, const std::string& text) {
    if (path == "-") return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    std::ofstream out(path);
    out << text;
    out.close();
    if (out) return true;
    std::fprintf(stderr, "iobench: %s: %s\n", path.c_str(), std::strerror(errno));
    return false;
}

int write_chart(const results& all, const std::string& workload, const std::string& path) {
    const std::string picture = svg_chart(all, workload);
    if (!picture.empty()) return write(path, picture) ? 0 : 2;
    std::string known;
    for (const description& about : all.workloads) known += (known.empty() ? "" : ", ") + about.name;
    std::fprintf(stderr, "iobench: no chart of %s in these results; they have: %s\n", workload.c_str(), known.c_str());
    return 2;
}

}  // namespace

report_command::report_command(CLI::App& program)
    : command_(program.add_subcommand("report", "show the results of a run, or write them as HTML or Markdown")) {
    command_->add_option("file", input_, "what `run --json` wrote")->required();
    command_->add_option("--html", html_, "write one self-contained page to this file (-: standard output)");
    command_->add_option("--markdown", markdown_, "write tables to this file (-: standard output)");
    auto* const chart = command_->add_option("--chart", chart_, "the workload that --svg shows");
    command_->add_option("--svg", svg_, "write the main chart of a workload to this file (-: standard output)")
        ->needs(chart);
    chart->needs("--svg");
}

int report_command::run() const {
    const auto all = load(input_);
    if (!all) {
        std::fprintf(stderr, "iobench: %s\n", all.error().c_str());
        return 2;
    }
    if (html_.empty() && markdown_.empty() && svg_.empty()) say(terminal_tables(*all));
    if (!html_.empty() && !write(html_, html_report(*all))) return 2;
    if (!markdown_.empty() && !write(markdown_, markdown_report(*all))) return 2;
    return svg_.empty() ? 0 : write_chart(*all, chart_, svg_);
}

}  // namespace iobench

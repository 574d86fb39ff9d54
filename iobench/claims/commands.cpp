#include "claims/claims.hpp"

#include <algorithm>

namespace iobench {

namespace {

template <class Member>
std::vector<std::string> each_once(const claim& said, Member member) {
    std::vector<std::string> all;
    for (const quantity& one : said.figures) {
        for (const place* const where : {&one.of, &one.to}) {
            const std::string& name = where->*member;
            if (!name.empty() && std::ranges::count(all, name) == 0) all.push_back(name);
        }
    }
    return all;
}

}  // namespace

std::vector<std::string> workloads_of(const claim& said) { return each_once(said, &place::workload); }
std::vector<std::string> contenders_of(const claim& said) { return each_once(said, &place::contender); }

std::string command_of(const claim& said) {
    if (said.figures.empty()) return said.fact.by;
    std::string line = "iobench run";
    for (const std::string& name : workloads_of(said)) line.append(" ").append(name);
    std::string names;
    for (const std::string& name : contenders_of(said)) names += (names.empty() ? "" : ",") + name;
    const char* const quote = names.contains(' ') ? "'" : "";
    return line + " --contender " + quote + names + quote;
}

}  // namespace iobench

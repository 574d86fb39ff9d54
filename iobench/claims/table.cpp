#include "claims/claims.hpp"
#include "claims/parts.hpp"

namespace iobench {

const std::vector<claim>& claims() {
    static const std::vector<claim> all = [] {
        std::vector<claim> joined;
        for (auto* const part : {basic_claims, socket_claims, file_claims, choice_claims}) {
            for (claim& one : part()) joined.push_back(std::move(one));
        }
        return joined;
    }();
    return all;
}

}  // namespace iobench

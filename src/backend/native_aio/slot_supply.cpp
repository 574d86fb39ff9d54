#include "backend/native_aio/slot_supply.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

namespace penstock::detail {
namespace {

constexpr unsigned fewest_shares = 8;

std::optional<std::uint64_t> read_number(const char* path) {
    std::ifstream file(path);
    std::uint64_t number = 0;
    if (!(file >> number)) return std::nullopt;
    return number;
}

}  // namespace

std::optional<slot_supply> read_slot_supply() {
    const auto taken = read_number("/proc/sys/fs/aio-nr");
    const auto most = read_number("/proc/sys/fs/aio-max-nr");
    if (!taken || !most) return std::nullopt;
    return slot_supply{*taken, *most};
}

std::uint32_t fair_share(std::uint32_t wanted, const std::optional<slot_supply>& supply, unsigned processors) {
    if (!supply) return wanted;
    const std::uint64_t left = supply->most > supply->taken ? supply->most - supply->taken : 0;
    const std::uint64_t share = std::max<std::uint64_t>(left / std::max(processors, fewest_shares), fewest_slots);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, share));
}

setup_error no_slots_left(const std::optional<slot_supply>& supply) {
    std::string message = "io_setup: not even " + std::to_string(fewest_slots) + " request slots are left";
    if (supply) {
        message += " (" + std::to_string(supply->taken) + " of " + std::to_string(supply->most) + " are taken)";
    }
    message += "; raise the limit (sysctl -w fs.aio-max-nr=1048576) or end other users of native AIO";
    return {std::error_code(EAGAIN, std::system_category()), std::move(message)};
}

}  // namespace penstock::detail

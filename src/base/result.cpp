#include <penstock/result.hpp>

#include <sys/select.h>

#include <atomic>

namespace penstock {
namespace {

std::atomic<unsigned> blocked_operations_limit{0};

class category final : public std::error_category {
  public:
    const char* name() const noexcept override { return "penstock"; }

    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::too_many_blocked_operations:
                return "too many blocked operations (limit " +
                       std::to_string(blocked_operations_limit.load(std::memory_order_relaxed)) +
                       "); raise backend_options::max_threads (of futex_wait(): most_sleeping) or use another backend";
            case errc::queue_full: return "queue full; retry later or raise its limit";
            case errc::loop_stopped: return "the loop is shutting down";
            case errc::unexpected_end: return "the peer closed before the message was complete";
            case errc::signals_not_blocked:
                return "a signal to await is not blocked; call block_signals() before any thread starts, or name it in "
                       "runtime_options::signals";
            case errc::too_many_open_files:
                return "too many open files for select (FD_SETSIZE " + std::to_string(FD_SETSIZE) + ")";
            case errc::misaligned_address:
                return "the memory of a direct read or write is not aligned as the file wants it (512 or 4096 bytes)";
            case errc::misaligned_length:
                return "the length of a direct read or write is no multiple of the file's block (512 or 4096 bytes)";
            case errc::misaligned_offset:
                return "the offset of a direct read or write is no multiple of the file's block (512 or 4096 bytes)";
        }
        return "unknown penstock error " + std::to_string(code);
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
            case errc::too_many_open_files: return std::errc::too_many_files_open;
            case errc::misaligned_address:
            case errc::misaligned_length:
            case errc::misaligned_offset: return std::errc::invalid_argument;
            default: return {code, *this};
        }
    }
};

}  // namespace

const std::error_category& penstock_category() noexcept {
    static const category instance;
    return instance;
}

namespace detail {

std::error_code decode(std::int32_t negative) noexcept {
    const std::int32_t code = -negative;
    if (code > own_error_base) return make_error_code(static_cast<errc>(code - own_error_base));
    return {code, std::system_category()};
}

void note_blocked_operations_limit(unsigned limit) noexcept {
    blocked_operations_limit.store(limit, std::memory_order_relaxed);
}

}  // namespace detail
}  // namespace penstock

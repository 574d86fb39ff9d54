// The only file that names every backend (backend_name.cpp reads what a user may say besides the name).
#include "backend/registry.hpp"

#include "backend/backend_name.hpp"
#include "backend/epoll/epoll.hpp"
#include "backend/io_uring/io_uring.hpp"
#include "backend/linux_aio/linux_aio.hpp"
#include "backend/null/null.hpp"
#include "backend/poll/poll.hpp"
#include "backend/segmentation.hpp"
#include "backend/select/select.hpp"
#include "backend/sigio/sigio.hpp"
#include "backend/simulated/simulated.hpp"
#include "backend/threads/threads.hpp"
#include "base/worker_pool.hpp"

#include <cerrno>
#include <cstdlib>

namespace penstock {
namespace detail {
namespace {

// epoll and linux_aio tie where they were measured (tools/bench echo); epoll is first because it takes nothing from an
// allowance of the whole system (fs.aio-max-nr). poll and select follow by what a wait costs them.
constexpr mechanism all[] = {
    {.name = "io_uring",
     .description = "completion rings shared with the kernel; one system call per turn",
     .automatic = true,
     .create = create_io_uring},
    {.name = "epoll",
     .description = "readiness, by edges unless told otherwise; files on a thread pool",
     .automatic = true,
     .by_readiness = true,
     .triggers = true,
     .create = create_epoll},
    {.name = "linux_aio",
     .description = "native AIO: poll, reads and writes batched in one io_submit",
     .automatic = true,
     .by_readiness = true,
     .create = create_linux_aio},
    {.name = "poll",
     .description = "readiness, from an array that the kernel reads whole at each wait; files on a thread pool",
     .automatic = true,
     .by_readiness = true,
     .create = create_poll},
    {.name = "select",
     .description = "readiness, from three sets of 1024 bits; files on a thread pool",
     .automatic = true,
     .by_readiness = true,
     .create = create_select},
    {.name = "threads",
     .description = "a blocking call on a thread for each operation that waits",
     .automatic = true,
     .create = create_threads},
    {.name = "sigio",
     .description = "descriptors send real-time signals, read in batches; files on a thread pool",
     // Signals are the whole process's, and their queue is shared with all that its user runs: not without being asked.
     .automatic = false,
     .by_readiness = true,
     .create = create_sigio},
    {.name = "simulated",
     .description = "virtual time, network and files in memory, all decided by a seed; for tests",
     .automatic = false,
     .seeded = true,
     .create = create_simulated},
    {.name = "null",
     .description = "does nothing; measures the library itself",
     .automatic = false,
     .create = create_null},
};

// Refusals are what a kernel, container or policy does. Anything else (memory, descriptors) would hit the next
// backend too, and hiding it would leave the user on a slower one without a reason.
bool is_refusal(std::error_code code) noexcept {
    const int e = code.value();
    return e == ENOSYS || e == EPERM || e == EINVAL || e == EACCES || e == EOPNOTSUPP;
}

backend_report report_refusal(const mechanism& m, const setup_error& error) {
    return {.name = std::string(m.name),
            .description = std::string(m.description),
            .works = false,
            .why_not = error.message,
            .capabilities = {},
            .features = {}};
}

/// Its own, and what the kernel does for datagrams, whoever makes the calls.
std::vector<feature_report> features_of(backend& b) {
    std::vector<feature_report> features = b.features();
    const bool asks_the_kernel =
        b.own_machine() == nullptr && b.capabilities()[op_kind::send_message].support != support::unsupported;
    if (asks_the_kernel) report_segmentation(features);
    return features;
}

explanation explain_choice(backend& chosen, std::string reason, std::vector<backend_report> refused) {
    explanation e;
    e.chosen = chosen.name();
    e.reason = std::move(reason);
    if (!refused.empty()) {
        e.advice = "for " + refused.front().name + ": " + refused.front().why_not;
    }
    e.refused = std::move(refused);
    e.capabilities = chosen.capabilities();
    e.features = features_of(chosen);
    return e;
}

std::expected<choice, setup_error> create_named(std::string_view wanted, std::string reason, backend_options& options,
                                                const backend_environment& environment) {
    const auto named = parse_backend_name(wanted, all, options);
    if (!named) return std::unexpected(named.error());
    auto made = (*named)->create(environment);
    if (!made) {
        made.error().message = "backend " + std::string(wanted) + " does not work here: " + made.error().message;
        return std::unexpected(std::move(made.error()));
    }
    explanation why = explain_choice(**made, std::move(reason), {});
    why.chosen = wanted;
    return choice{std::move(*made), std::move(why)};
}

std::expected<choice, setup_error> create_best(const backend_environment& environment) {
    std::vector<backend_report> refused;
    for (const mechanism& m : all) {
        if (!m.automatic) continue;
        auto made = m.create(environment);
        if (made) {
            std::string reason = "best of those that work here";
            for (const backend_report& r : refused) reason += "; " + r.name + " refused: " + r.why_not;
            explanation why = explain_choice(**made, std::move(reason), std::move(refused));
            return choice{std::move(*made), std::move(why)};
        }
        if (!is_refusal(made.error().code)) return std::unexpected(std::move(made.error()));
        refused.push_back(report_refusal(m, made.error()));
    }
    return std::unexpected(setup_error{std::make_error_code(std::errc::function_not_supported),
                                       "no backend works here: " + refused.front().why_not});
}

}  // namespace

std::span<const mechanism> mechanisms() noexcept { return all; }

std::expected<choice, setup_error> choose_backend(std::string_view wanted, backend_options& options,
                                                  buffer_pool& buffers, worker_pool& workers) {
    const backend_environment environment{.options = options, .buffers = buffers, .workers = workers};
    if (wanted != "auto") return create_named(wanted, "asked for by name", options, environment);
    const char* const from_environment = std::getenv("PENSTOCK_BACKEND");
    if (from_environment != nullptr && *from_environment != '\0' && std::string_view(from_environment) != "auto") {
        auto named = create_named(from_environment, "asked for by PENSTOCK_BACKEND", options, environment);
        if (!named) named.error().message += " (PENSTOCK_BACKEND)";
        return named;
    }
    return create_best(environment);
}

}  // namespace detail

std::string explanation::line() const { return chosen + " (" + reason + ")"; }

std::vector<std::string_view> backend_names() {
    std::vector<std::string_view> names;
    for (const detail::mechanism& m : detail::mechanisms()) names.push_back(m.name);
    return names;
}

std::vector<backend_report> survey_backends(const backend_options& options) {
    std::vector<backend_report> found;
    for (const detail::mechanism& m : detail::mechanisms()) {
        buffer_pool buffers({.count = 16});
        detail::worker_pool workers(1, 1);
        auto made = m.create({.options = options, .buffers = buffers, .workers = workers});
        if (!made) {
            found.push_back(detail::report_refusal(m, made.error()));
            continue;
        }
        found.push_back({.name = std::string(m.name),
                         .description = std::string(m.description),
                         .works = true,
                         .why_not = {},
                         .capabilities = (*made)->capabilities(),
                         .features = detail::features_of(**made)});
    }
    return found;
}

}  // namespace penstock

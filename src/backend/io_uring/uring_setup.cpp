// How the backend is set up: what is tried, what is left out, and what is told of it.
#include "backend/io_uring/bundles.hpp"
#include "backend/io_uring/io_uring.hpp"
#include "backend/io_uring/parts.hpp"
#include "backend/io_uring/uring_backend.hpp"
#include "base/setup.hpp"

#include <string>
#include <utility>

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_io_uring(const backend_environment& environment) {
    auto wake = waker::create();
    if (!wake) return std::unexpected(std::move(wake.error()));
    auto made = std::make_unique<uring_backend>(environment, std::move(*wake));
    if (auto ready = made->set_up(); !ready) return std::unexpected(std::move(ready.error()));
    return made;
}

uring_backend::uring_backend(const backend_environment& environment, waker wake)
    : buffers_(environment.buffers),
      tables_(ring_->raw(), environment.options.uring.registered_files),
      provided_(environment.buffers),
      options_(environment.options),
      waker_(std::move(wake)),
      offload_(environment.workers, environment.buffers, *this, environment.options.queue_entries),
      sleepers_(environment, *this) {}

std::expected<void, setup_error> uring_backend::set_up() {
    const ring_request request{.entries = options_.queue_entries,
                               .completions = options_.completion_entries,
                               .options = options_.uring,
                               .forbidden = forbidden_opcodes(options_),
                               .used = opcodes_in_use()};
    if (auto made = ring_->set_up(request); !made) return made;
    headers_ = std::make_unique<::msghdr[]>(ring_->entries());
    const int no_buffer_ring = set_up_buffers();
    if (auto open = ring_->start(request); !open) return open;
    if (const int r = probe(*ring_, routes_, capabilities_); r != 0) {
        return std::unexpected(setup_failure("io_uring: polling or cancelling is refused", -r));
    }
    limits_receives_ = can_limit_receives(*ring_);
    reads_ahead_ = can_read_ahead(*ring_);
    if (options_.zero_copy_from != 0 && can_send_without_copying(*ring_)) {
        zero_copy_.set_threshold(options_.zero_copy_from);
    }
    if (options_.uring.bundles) choose_bundles();
    choose_routes(no_buffer_ring);
    choose_chains();
    if (options_.uring.poll_disks) {
        disks_ = std::make_unique<disk_ring>(options_);
        if (auto made = disks_->set_up(); !made) {
            why_no_disks_ = made.error().message;
            disks_.reset();
        }
    }
    if (!can_use_registered_memory(*ring_)) {
        tables_.refuse_memory();
        if (disks_ != nullptr) disks_->tables().refuse_memory();
    }
    report_features();
    return {};
}

int uring_backend::set_up_buffers() {
    const bool wanted = options_.uring.incremental_buffers;
    why_no_parts_ = wanted ? try_parts(options_.uring) : "not asked for";
    const bool in_parts = why_no_parts_.empty();
    if (in_parts) buffers_.allow_parts();
    const int refused = provided_.set_up(ring_->raw(), in_parts);
    if (refused == 0 || !in_parts) return refused;
    why_no_parts_ = std::string("the kernel refuses such a ring: ") + std::strerror(-refused);
    return provided_.set_up(ring_->raw(), false);
}

void uring_backend::choose_bundles() {
    if (provided_.in_parts()) {
        why_no_bundles_ = "not where buffers are filled in parts (incremental_buffers)";
        return;
    }
    if (!provided_.there() || !limits_receives_) {
        why_no_bundles_ = "it needs provided buffers and receives that can be limited (Linux 6.17)";
        return;
    }
    provided_.remember_places();
    why_no_bundles_ = try_bundles(*ring_, provided_.of_class(0), buffers_);
    bundles_ = why_no_bundles_.empty();
}

/// Away from the ring with what it can't do, or must not.
void uring_backend::choose_routes(int no_buffer_ring) noexcept {
    if (no_buffer_ring != 0) {
        for (const op_kind kind : {op_kind::receive, op_kind::read}) {
            routes_[static_cast<std::size_t>(kind)] = fallback_route(kind);
            capabilities_[kind] = {support::emulated, cancellation::prompt,
                                   "the kernel refuses rings of provided buffers"};
        }
    }
    if (!ring_->has_submission_thread()) return;
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        const auto kind = static_cast<op_kind>(i);
        if (routes_[i] != route::ring || !plan(kind).checks_credentials) continue;
        routes_[i] = fallback_route(kind);
        capabilities_[kind] = {routes_[i] == route::pool ? support::offloaded : support::native,
                               capabilities_[kind].cancellation,
                               "the submission thread has the credentials that the process had when the loop was made"};
    }
}

void uring_backend::report_features() {
    features_ = ring_->features();
    const auto add = [this](std::string_view name, bool on, std::string detail) {
        features_.push_back({name, on, std::move(detail)});
    };
    const uring_options& asked = options_.uring;
    add("provided buffers", provided_.there(),
        !provided_.there()      ? "the kernel refuses rings of them (Linux 5.19)"
        : provided_.rings() > 1 ? "a ring for each of " + std::to_string(provided_.rings()) + " size classes"
                                : "");
    add("limited receives", limits_receives_, limits_receives_ ? "" : "this kernel does not know them (Linux 6.17)");
    add("multishot reads", reads_ahead_,
        reads_ahead_ ? "for adopted::set_reading_ahead()" : "this kernel does not know them (Linux 6.7)");
    add("incremental buffers", provided_.in_parts(),
        provided_.there() || !why_no_parts_.empty() ? why_no_parts_ : "the kernel refuses rings of buffers");
    add("bundles", bundles_, asked.bundles ? why_no_bundles_ : "not asked for");
    const bool zero_copies = zero_copy_.wants(SIZE_MAX - 1);
    add(zero_copy_feature, zero_copies,
        zero_copies                    ? "from " + std::to_string(options_.zero_copy_from) + " bytes on"
        : options_.zero_copy_from == 0 ? "not asked for"
                                       : "the kernel refuses it (Linux 6.2)");
    const bool chains = chainable_.any() && !ring_->has_submission_thread();
    add("chains", chains,
        chains              ? "as one submission, of the kinds that have an opcode"
        : chainable_.none() ? "the kernel refuses the opcodes; step by step"
                            : "not beside a submission thread, which may stop among the entries; step by step");
    const bool installs = chains && chainable_[static_cast<std::size_t>(op_kind::install)];
    add("installed descriptors", installs,
        installs  ? "chain::keep()"
        : !chains ? "they need chains"
                  : "the kernel refuses the opcode (Linux 6.8); such chains step by step");
    add("polled disks", disks_ != nullptr,
        disks_ != nullptr   ? "a second ring, for files that are open with O_DIRECT"
        : !asked.poll_disks ? "not asked for"
                            : why_no_disks_);
    add("zero-copy receive", false,
        ring_->last_opcode() >= opcode_recv_zc
            ? "not used: it needs a network card that splits headers and lends its queue"
            : "this kernel does not know it (Linux 6.15), and it needs a network card that can");
}

std::vector<feature_report> uring_backend::features() const { return features_; }

uring_backend::~uring_backend() {
    disks_.reset();
    ring_.reset();  // from here on the kernel fills no buffer
    provided_.take_back();
}

backend_statistics uring_backend::statistics() const noexcept {
    const std::uint64_t disk_enters = disks_ == nullptr ? 0 : disks_->queue().enters();
    const registered* const disk_tables = disks_ == nullptr ? nullptr : &disks_->tables();
    return {.enters = ring_->enters() + disk_enters,
            .parked = parked_count_,
            .overflows = overflows_,
            .offloaded = offload_.under_way() + sleepers_.under_way(),
            .by_registered_file = tables_.by_file() + (disk_tables == nullptr ? 0 : disk_tables->by_file()),
            .by_registered_memory = tables_.by_memory() + (disk_tables == nullptr ? 0 : disk_tables->by_memory()),
            .bundled_buffers = bundled_buffers_,
            .shared_buffers = provided_.shared(),
            .polled_on_disk = disks_ == nullptr ? 0 : disks_->polled(),
            .zero_copy_sends = zero_copy_.sent(),
            .zero_copy_copied = zero_copy_.copied(),
            .loops_rung = loops_rung_};
}

}  // namespace penstock::detail

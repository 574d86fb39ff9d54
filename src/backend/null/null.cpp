#include "backend/null/null.hpp"

#include "backend/default_capabilities.hpp"
#include "op/call.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

namespace penstock::detail {
namespace {

// A nop is queued and finished by the next wait(), like a completion of a real mechanism; a write completes at once,
// like a send that fits. Everything else is refused: nothing here touches a descriptor.
class null_backend final : public backend {
  public:
    explicit null_backend(const backend_environment& environment) {
        apply_denied(capabilities_, environment.options);
        capabilities_[op_kind::nop] = {support::native, cancellation::prompt, ""};
        capabilities_[op_kind::write] = {support::native, cancellation::prompt, "completes at once, writes nothing"};
    }

    std::string_view name() const noexcept override { return "null"; }
    const capability_table& capabilities() const noexcept override { return capabilities_; }

    submitted submit(operation& op) noexcept override {
        switch (op.kind) {
            case op_kind::nop: queued_.push_back(op); return submitted::queued;
            case op_kind::write: op.result = 0; return submitted::completed;
            case op_kind::socket:
            case op_kind::bind:
            case op_kind::listen:
            case op_kind::accept:
            case op_kind::connect:
            case op_kind::receive:
            case op_kind::send:
            case op_kind::shutdown:
            case op_kind::name:
            case op_kind::option:
            case op_kind::open:
            case op_kind::read_at:
            case op_kind::write_at:
            case op_kind::sync:
            case op_kind::status:
            case op_kind::read:
            case op_kind::splice:
            case op_kind::close:
            case op_kind::adopt:
            case op_kind::pipe:
            case op_kind::signals:
            case op_kind::truncate:
            case op_kind::allocate:
            case op_kind::sync_range:
            case op_kind::advise:
            case op_kind::advise_memory:
            case op_kind::rename:
            case op_kind::unlink:
            case op_kind::make_directory:
            case op_kind::symlink:
            case op_kind::link:
            case op_kind::poll:
            case op_kind::tee:
            case op_kind::install:
            case op_kind::futex_wait:
            case op_kind::futex_wake:
            case op_kind::loop_message:
            case op_kind::send_message:
            case op_kind::receive_message:
            case op_kind::tick: break;
        }
        op.result = -EOPNOTSUPP;
        return submitted::completed;
    }

    void flush() noexcept override {}

    void wait(time_point now, time_point deadline, completions& out) noexcept override {
        while (operation* const op = queued_.pop_front()) out.finish(*op, 0);
        if (!out.empty() || deadline <= now) return;
        // Nothing will ever happen here but a wake-up or the deadline.
        while (!woken_.exchange(false, std::memory_order_acquire)) {
            if (clock::now() >= deadline) return;
            std::this_thread::yield();
        }
    }

    void cancel(operation& op, completions& out) noexcept override {
        op.unlink();
        out.finish(op, -ECANCELED);
    }

    void wake() noexcept override { woken_.store(true, std::memory_order_release); }
    backend_statistics statistics() const noexcept override { return {}; }

  private:
    capability_table capabilities_;
    list<operation> queued_;
    std::atomic<bool> woken_{false};
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_null(const backend_environment& environment) {
    return std::make_unique<null_backend>(environment);
}

}  // namespace penstock::detail

#include <penstock/owned_handle.hpp>

#include "coro/background_close.hpp"
#include <penstock/detail/await.hpp>
#include <penstock/operation.hpp>

namespace penstock {
namespace detail {
namespace {

/// Frees itself.
struct background_close : record {
    background_close(loop& owner, handle h) noexcept : home(owner), op(h) {
        op.self = this;
        op.run = [](ready_item& item) noexcept {
            background_close* const self = static_cast<own_close&>(item).self;
            self->home.note_descriptor_freed();
            self->home.remove_record(*self);
            delete self;
        };
        shut_down = [](record&) noexcept {};  // it is ending already
    }
    struct own_close : close_op {
        using close_op::close_op;
        background_close* self = nullptr;
    };
    loop& home;
    own_close op;
};

}  // namespace

void close_in_background(loop& home, handle h) {
    auto* const closing = new background_close(home, h);
    home.add_record(*closing);
    if (!home.start(closing->op)) home.enqueue(closing->op);
}

}  // namespace detail

owned_handle::~owned_handle() {
    if (handle_.valid()) detail::close_in_background(*home_, handle_);
}

task<result<void>> owned_handle::close() {
    if (!handle_.valid()) co_return result<void>{};
    detail::awaited<detail::close_op, detail::cancellable::no> op(release());
    const auto r = co_await op;
    home_->note_descriptor_freed();
    co_return detail::to_result(r);
}

}  // namespace penstock

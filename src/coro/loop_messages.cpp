#include <penstock/loop_messages.hpp>

#include <penstock/detail/await.hpp>

namespace penstock {

task<result<void>> send_to_loop(loop_address to, loop_message what) {
    using message = detail::awaited<detail::loop_message_op, detail::cancellable::no>;
    message op(to.box(), what);
    const auto r = co_await op;
    co_return detail::to_result(r);
}

}  // namespace penstock

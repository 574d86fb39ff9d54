#include <penstock/adopt.hpp>

namespace penstock {
namespace {

template <class Op>
using must_run = detail::awaited<Op, detail::cancellable::no>;

adopted make_adopted(handle h, bool borrowed) {
    detail::stream_record& record = detail::make_stream_record(*current_loop, h, op_kind::read);
    record.closing.forget_only = borrowed;
    record.cancels_reads = true;
    return adopted(record);
}

}  // namespace

task<result<adopted>> adopt(int descriptor, ownership whose) {
    const auto taken = co_await must_run<detail::adopt_op>(descriptor);
    if (taken < 0) co_return std::unexpected(detail::decode(taken));
    co_return make_adopted({taken}, whose == ownership::borrow);
}

task<result<adopted>> adopt(owned_handle received) {
    auto taken = co_await adopt(received.name().id, ownership::take);
    if (taken) static_cast<void>(received.release());
    co_return taken;
}

task<result<std::pair<adopted, adopted>>> make_pipe() {
    must_run<detail::pipe_op> op;
    const auto r = co_await op;
    if (r < 0) co_return std::unexpected(detail::decode(r));
    std::pair ends(make_adopted(op.read_end, false), make_adopted(op.write_end, false));
    ends.first.record()->splices = ends.second.record()->splices = true;
    co_return ends;
}

}  // namespace penstock

// Two streams that one task uses: what it reads from, and what it writes to.
#pragma once

#include <penstock/detail/cancel.hpp>
#include <penstock/detail/stream_record.hpp>

namespace penstock::detail {

/// Nobody else reads from the one or writes to the other as long as it lives. Closing either cancels the task, if that
/// runs under cancellation().
class streams_in_use {
  public:
    streams_in_use(stream_record& from, stream_record& to, cancel_state* surroundings) noexcept : from_(from), to_(to) {
        cancel_.inherit(surroundings);
        reader_.cancel = writer_.cancel = &cancel_;
        reader_.closing = writer_.closing = [](stream_user& u) noexcept { static_cast<user&>(u).cancel->request(); };
        from_.reader = &reader_;
        to_.writer = &writer_;
    }
    streams_in_use(const streams_in_use&) = delete;
    streams_in_use& operator=(const streams_in_use&) = delete;
    ~streams_in_use() {
        from_.leave_reading();
        to_.leave_writing();
    }

    cancel_state& cancellation() noexcept { return cancel_; }
    const stream_user& reader() const noexcept { return reader_; }

  private:
    struct user : stream_user {
        cancel_state* cancel = nullptr;
    };
    stream_record& from_;
    stream_record& to_;
    cancel_state cancel_;
    user reader_;
    user writer_;
};

}  // namespace penstock::detail

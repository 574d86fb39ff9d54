#include <penstock/detail/stream_record.hpp>

#include <cerrno>
#include <new>

namespace penstock::detail {
static_assert(sizeof(stream_record) <= 256, "an idle connection may not cost more");

stream_record::stream_record(loop& owner, handle opened, op_kind how_to_read) noexcept
    : home(owner), input(*this, opened), closing(*this, opened) {
    input.kind = how_to_read;
    input.run = [](ready_item& item) noexcept { static_cast<own<receive_op>&>(item).self.on_input(); };
    input.credit.owner = this;
    input.credit.returned = [](lease_credit& credit) noexcept {
        static_cast<stream_record*>(credit.owner)->on_lease_returned();
    };
    closing.run = [](ready_item& item) noexcept { static_cast<own<close_op>&>(item).self.on_closed(); };
    shut_down = [](record& r) noexcept {
        auto& self = static_cast<stream_record&>(r);
        if (!self.shutting) self.close(nullptr);
    };
}

stream_record& make_stream_record(loop& owner, handle opened, op_kind how_to_read) {
    void* const memory = owner.frames().allocate(sizeof(stream_record));
    auto* const made = new (memory) stream_record(owner, opened, how_to_read);
    made->splices = how_to_read == op_kind::receive;
    owner.add_record(*made);
    return *made;
}

bool stream_record::await_input(receive_waiter& w) noexcept {
    // While an outcome waits in the ready queue, it is the one to hear: starting anew would forget a reset. It is also
    // where a receive goes that completed at once but over its turn's budget.
    if (!has_something() && !armed() && !input.ready && !input.credit.exhausted()) arm();
    if (has_something() && !input.ready) return false;
    if (!armed() && input.credit.exhausted()) ++home.figures().credit_waits;
    waiter = &w;
    return true;
}

result<lease> stream_record::take() noexcept {
    if (!input.received.empty()) return home.buffers().dequeue(input.received);
    if (failure >= 0) return lease{};
    const std::int32_t told = failure;
    if (is_refusal(told)) {  // nothing was begun, so nothing has ended
        ended = false;
        failure = 0;
    }
    return std::unexpected(decode(told));
}

// Starts receives until one is under way or has brought something.
void stream_record::arm() noexcept {
    while (!has_something() && !home.start(input)) note_outcome();
}

void stream_record::note_outcome() noexcept {
    const bool on_purpose = (disarming || rearming) && input.result == -ECANCELED;
    disarming = false;
    rearming = false;
    if (input.result > 0) input.credit.one_at_a_time = false;
    if (input.result > 0 || on_purpose) return;  // may be started again
    ended = true;
    failure = input.result;
}

void stream_record::on_input() noexcept {
    input.ready = false;
    const bool stopped_on_purpose = input.final && disarming;
    if (input.final) note_outcome();
    if (shutting) {
        if (armed()) return;
        if (receive_waiter* const w = std::exchange(waiter, nullptr)) {
            w->ready(*w, *this);  // a reader, who goes on with the close when it leaves
        } else {
            close_when_unused();
        }
        return;
    }
    if (waiter == nullptr) return;
    if (!has_something() && !stopped_on_purpose) {
        if (!armed() && !input.credit.exhausted()) arm();
        if (!has_something()) return;
    }
    receive_waiter* const w = std::exchange(waiter, nullptr);
    w->ready(*w, *this);
}

void stream_record::on_lease_returned() noexcept {
    if (closed) {
        free_if_unused();
        return;
    }
    // A reader waited for credit alone. What the receive brings at once is told through the ready queue.
    if (waiter == nullptr || armed() || shutting || input.ready) return;
    if (home.start(input)) return;
    input.ready = true;
    home.enqueue(input);
}

bool stream_record::disarm(receive_waiter& then) noexcept {
    if (!armed() && !input.ready) return false;
    waiter = &then;
    disarming = true;
    home.cancel(input);
    return true;
}

// Not on_input() but whoever waits starts the next: a stream that nobody reads from may stay at rest.
result<void> stream_record::receive_in(unsigned buffer_class) noexcept {
    if (!home.buffers().has_class(buffer_class)) return fail(std::errc::invalid_argument);
    if (input.credit.buffer_class == buffer_class) return {};
    input.credit.buffer_class = static_cast<std::uint8_t>(buffer_class);
    if (armed() && !shutting) {
        rearming = true;
        home.cancel(input);
    }
    return {};
}

result<void> receive_in(stream_record* record, unsigned buffer_class) noexcept {
    if (record == nullptr) return fail(std::errc::bad_file_descriptor);
    return record->receive_in(buffer_class);
}

void stream_record::close(close_waiter* w) noexcept {
    shutting = true;
    closed_for = w;
    if (reader == nullptr) waiter = nullptr;  // who only watches is not told
    if (reader != nullptr && reader->closing != nullptr) reader->closing(*reader);
    if (writer != nullptr && writer->closing != nullptr) writer->closing(*writer);
    if (armed()) {
        disarming = true;
        home.cancel(input);  // on_input() goes on when the final completion is in
    } else if (waiter != nullptr && !input.ready) {
        input.ready = true;  // a reader without credit, who is told there, too
        home.enqueue(input);
    } else {
        close_when_unused();
    }
}

void stream_record::close_when_unused() noexcept {
    if (armed() || input.ready || reader != nullptr || writer != nullptr) return;
    home.buffers().discard(input.received);
    if (!home.start(closing)) {
        closing.ready = true;
        home.enqueue(closing);
    }
}

void stream_record::on_closed() noexcept {
    home.note_descriptor_freed();
    closed = true;
    if (closed_for != nullptr) home.enqueue(*closed_for);
    free_if_unused();
}

void stream_record::free_if_unused() noexcept {
    if (input.credit.held != 0) return;
    loop& owner = home;
    owner.remove_record(*this);
    this->~stream_record();
    owner.frames().free(this, sizeof(stream_record));
}

}  // namespace penstock::detail

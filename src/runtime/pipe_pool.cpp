#include "runtime/pipe_pool.hpp"

namespace penstock::detail {
namespace {

void note_closed(transfer_pipe& pipe) noexcept {
    if (--pipe.left_to_close != 0) return;
    if (pipe.large) pipe_pool::unreserve_large();
    delete &pipe;
}

}  // namespace

transfer_pipe::transfer_pipe(handle read, handle write, bool is_large) noexcept
    : read_end(read), write_end(write), close_read(*this, read), close_write(*this, write), large(is_large) {
    close_read.run = close_write.run = [](ready_item& item) noexcept {
        auto& op = static_cast<own_close&>(item);
        op.ready = false;
        note_closed(op.self);
    };
}

transfer_pipe* pipe_pool::take() noexcept {
    transfer_pipe* const pipe = idle_.pop_front();
    if (pipe != nullptr) --idle_count_;
    return pipe;
}

bool pipe_pool::reserve() noexcept {
    if (open_ >= most_) {
        ++refused_;
        return false;
    }
    ++open_;
    return true;
}

bool pipe_pool::reserve_large() noexcept {
    if (large_open.fetch_add(1, std::memory_order_relaxed) < most_large) return true;
    unreserve_large();
    return false;
}

void pipe_pool::give_back(loop& home, transfer_pipe& pipe, bool empty) noexcept {
    if (empty && idle_count_ < most_idle) {
        ++idle_count_;
        idle_.push_back(pipe);
    } else {
        close(home, pipe);
    }
}

void pipe_pool::close_idle(loop& home) noexcept {
    while (transfer_pipe* const pipe = take()) close(home, *pipe);
}

void pipe_pool::close(loop& home, transfer_pipe& pipe) noexcept {
    --open_;
    const bool read_closing = home.start(pipe.close_read);
    const bool write_closing = home.start(pipe.close_write);
    home.note_descriptor_freed();
    if (!read_closing) note_closed(pipe);
    if (!write_closing) note_closed(pipe);
}

}  // namespace penstock::detail

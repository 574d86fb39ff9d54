// What an operation does on the simulated machine; for each kind, where the kernel's backends make a system call.
#include "backend/simulated/open_file.hpp"
#include "backend/simulated/pipe_end.hpp"
#include "backend/simulated/simulated_backend.hpp"
#include "op/call.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace penstock::detail {
namespace {

constexpr std::size_t pipe_capacity = 65536;
constexpr std::size_t short_piece = 8;

}  // namespace

std::int32_t simulated_backend::carry_out(operation& op) noexcept {
    const auto on_socket = [this](handle h, auto call) -> std::int32_t {
        if (const auto socket = find<stream_socket>(h)) return call(socket);
        return world_->handles().find(h) == nullptr ? -EBADF : -ENOTSOCK;
    };
    const auto on_file = [this](handle h, auto call) -> std::int32_t {
        if (const auto file = find<open_file>(h)) return call(*file);
        return world_->handles().find(h) == nullptr ? -EBADF : -ESPIPE;
    };
    switch (op.kind) {
        case op_kind::nop: return 0;
        case op_kind::socket: return socket(as<socket_op>(op));
        case op_kind::bind:
            if (const auto s = find<message_socket>(as<bind_op>(op).target)) return s->bind(as<bind_op>(op).address);
            return on_socket(as<bind_op>(op).target,
                             [&](const auto& s) { return world_->network().bind(s, as<bind_op>(op).address); });
        case op_kind::listen:
            return on_socket(as<listen_op>(op).target,
                             [&](const auto& s) { return world_->network().listen(*s, as<listen_op>(op).backlog); });
        case op_kind::accept: return accept(as<accept_op>(op));
        case op_kind::connect: return connect(as<connect_op>(op));
        case op_kind::receive:
        case op_kind::read: return receive(as<receive_op>(op));
        case op_kind::send:
        case op_kind::write: return send(as<send_op>(op));
        case op_kind::send_message: return send_message(as<send_message_op>(op));
        case op_kind::receive_message: return receive_message(as<receive_message_op>(op));
        case op_kind::shutdown:
            return on_socket(as<shutdown_op>(op).target,
                             [&](const auto& s) { return s->shutdown(as<shutdown_op>(op).side); });
        case op_kind::name:
            if (const auto s = find<message_socket>(as<name_op>(op).target)) return s->name(as<name_op>(op));
            return on_socket(as<name_op>(op).target, [&](const auto& s) { return s->name(as<name_op>(op)); });
        case op_kind::option:
            if (const auto s = find<message_socket>(as<option_op>(op).target)) return s->option(as<option_op>(op));
            return on_socket(as<option_op>(op).target, [&](const auto& s) { return s->option(as<option_op>(op)); });
        case op_kind::open: return open(as<open_op>(op));
        case op_kind::read_at:
            return on_file(as<read_at_op>(op).target, [&](open_file& f) { return f.read_at(as<read_at_op>(op)); });
        case op_kind::write_at:
            return on_file(as<write_at_op>(op).target, [&](open_file& f) { return f.write_at(as<write_at_op>(op)); });
        case op_kind::sync: return on_file(as<sync_op>(op).target, [](open_file& f) { return f.sync(); });
        case op_kind::status: return status(as<status_op>(op));
        case op_kind::truncate:
            return on_file(as<truncate_op>(op).target,
                           [&](open_file& f) { return f.truncate(as<truncate_op>(op).size); });
        case op_kind::allocate:
            return on_file(as<allocate_op>(op).target, [&](open_file& f) { return f.allocate(as<allocate_op>(op)); });
        case op_kind::sync_range:
            return on_file(as<sync_range_op>(op).target,
                           [&](open_file& f) { return f.sync_range(as<sync_range_op>(op)); });
        case op_kind::advise:
            return on_file(as<advise_op>(op).target, [&](open_file& f) { return f.advise(as<advise_op>(op)); });
        case op_kind::advise_memory:  // memory and loops are the program's
        case op_kind::loop_message: return call(op, call_mode::no_wait);
        case op_kind::rename:
        case op_kind::link: return change_two_names(op);
        case op_kind::unlink:
        case op_kind::make_directory:
        case op_kind::symlink: return change_name(op);
        case op_kind::splice: return splice(as<splice_op>(op));
        case op_kind::close: return close(as<close_op>(op));
        case op_kind::tick:
        case op_kind::adopt: return -EOPNOTSUPP;
        case op_kind::poll: return poll(as<poll_op>(op));
        case op_kind::tee: return tee(as<tee_op>(op));
        case op_kind::futex_wait: return 0;  // it was woken
        case op_kind::futex_wake:
            return world_->sleepers().wake(*as<futex_wake_op>(op).word, as<futex_wake_op>(op).most);
        case op_kind::install:
            return world_->handles().find(as<install_op>(op).target) == nullptr ? -EBADF : as<install_op>(op).target.id;
        case op_kind::pipe: return pipe(as<pipe_op>(op));
        case op_kind::signals: return signals(as<signals_op>(op));
    }
    return -EOPNOTSUPP;
}

// --- Sockets -----------------------------------------------------------------------------------------------------

std::int32_t simulated_backend::socket(const socket_op& op) {
    if (op.family == address_family::none) return -EAFNOSUPPORT;
    if (const std::int32_t r = world_->refuses_another(); r < 0) return r;
    if (op.type == socket_type::datagram) return world_->open(std::make_shared<message_socket>(*world_, op.family));
    return world_->open(std::make_shared<stream_socket>(*world_, op.family));
}

std::int32_t simulated_backend::accept(accept_op& op) {
    const auto listener = find<stream_socket>(op.listener);
    if (listener == nullptr) return -EBADF;
    if (listener->where != stream_socket::stage::listening) return -EINVAL;
    if (listener->pending.empty()) return -EAGAIN;
    if (!op.only_pending) {  // who drains takes an error for the end
        if (const std::int32_t r = world_->refuses_another(); r < 0) return r;
        if (!listener->is_unix() && world_->strikes(faults::reset)) {
            const auto gone = listener->accept();
            gone->break_connection();
            gone->close();
            return -ECONNABORTED;
        }
    } else if (world_->handles().full()) {
        return -EMFILE;
    }
    op.accepted.push({world_->open(listener->accept())});
    return 1;
}

std::int32_t simulated_backend::connect(connect_op& op) {
    if (const auto s = find<message_socket>(op.target)) return s->connect(op.address);
    const auto socket = find<stream_socket>(op.target);
    if (socket == nullptr) return -ENOTSOCK;
    if ((op.backend_flags & begun) == 0) {
        if (const std::int32_t r = world_->network().connect(socket, op.address); r < 0) return r;
        op.backend_flags |= begun;
    }
    return socket->outcome.value_or(-EAGAIN);
}

// --- Bytes -------------------------------------------------------------------------------------------------------

std::int32_t simulated_backend::receive(receive_op& op) noexcept {
    const auto& from = world_->handles().find(op.source);
    if (!from->readable()) return -EAGAIN;
    const std::uint16_t buffer = buffers_.take(op.credit.buffer_class);
    if (buffer == no_buffer) return -ENOBUFS;
    std::size_t size = buffers_.size_of(buffer);
    if (from->is_stream() && world_->strikes(faults::short_transfer)) size = 1 + world_->chance().below(short_piece);
    std::byte* const data = buffers_.data(buffer);
    std::int32_t n = from->read({data, size});
    if (n > 0 && static_cast<std::uint32_t>(n) < buffers_.size_of(buffer) &&
        world_->mutates(simulation_mutant::duplicated_byte)) {
        std::memmove(data + 1, data, static_cast<std::size_t>(n));
        ++n;
    }
    deliver(op, buffers_, buffer, n);
    if (n > 0 && buffers_.available() != 0 && world_->mutates(simulation_mutant::leaked_lease)) {
        leaked_.push_back(buffers_.take());
    }
    return n;
}

std::int32_t simulated_backend::send(send_op& op) noexcept {
    const auto& to = world_->handles().find(op.target);
    while (op.first < op.count) {
        ::iovec copies[most_copied_slices];
        const ::iovec piece = *remaining(op, copies).data;
        const bool cut = piece.iov_len > 1 && world_->strikes(faults::short_transfer);
        const std::size_t size =
            cut ? 1 + world_->chance().below(std::min(piece.iov_len - 1, short_piece)) : piece.iov_len;
        const std::int32_t n = to->write({static_cast<const std::byte*>(piece.iov_base), size});
        if (n < 0) return n;
        if (!advance(op, static_cast<std::size_t>(n)) && cut) return once_more;
    }
    return 0;
}

std::int32_t simulated_backend::send_message(send_message_op& op) {
    if (op.descriptor_count != 0) return -EOPNOTSUPP;  // they do not exist here
    if (const auto socket = find<message_socket>(op.target)) return socket->send(op);
    const auto stream = find<stream_socket>(op.target);
    if (stream == nullptr || op.count != 1) return stream == nullptr ? -ENOTSOCK : -EINVAL;
    const std::span all(static_cast<const std::byte*>(op.slices->data), op.slices->size);
    while (op.transferred < all.size()) {
        const std::int32_t n = stream->write(all.subspan(op.transferred));
        if (n < 0) return n;
        op.transferred += static_cast<std::size_t>(n);
    }
    return 0;
}

std::int32_t simulated_backend::receive_message(receive_message_op& op) {
    if (const auto socket = find<message_socket>(op.source)) return socket->receive(op);
    const auto stream = find<stream_socket>(op.source);
    if (stream == nullptr || op.count == 0) return stream == nullptr ? -ENOTSOCK : -EINVAL;
    return stream->read({static_cast<std::byte*>(op.slices->data), op.slices->size});
}

std::int32_t simulated_backend::splice(const splice_op& op) {
    const auto& from = world_->handles().find(op.source);
    const auto& to = world_->handles().find(op.target);
    if (from == nullptr || to == nullptr) return -EBADF;
    if (!from->is_stream() || !to->is_stream() || (!from->is_pipe() && !to->is_pipe())) return -EINVAL;
    if (const std::int32_t r = to->write({}); r < 0) return r;
    if (!from->readable() || to->room() == 0) return -EAGAIN;
    std::size_t most = std::min({std::size_t{op.length}, to->room(), pipe_capacity});
    if (most > 1 && world_->strikes(faults::short_transfer)) most = 1 + world_->chance().below(most - 1);
    bounce_.resize(pipe_capacity);
    const std::int32_t n = from->read({bounce_.data(), most});
    if (n <= 0) return n;
    const std::int32_t written = to->write({bounce_.data(), static_cast<std::size_t>(n)});
    return written < 0 ? written : n;
}

std::int32_t simulated_backend::tee(const tee_op& op) {
    if (world_->handles().find(op.source) == nullptr || world_->handles().find(op.target) == nullptr) return -EBADF;
    const auto from = find<pipe_end>(op.source);
    const auto to = find<pipe_end>(op.target);
    if (from == nullptr || to == nullptr || from->is_of_the_pipe_of(*to)) return -EINVAL;
    if (const std::int32_t r = to->write({}); r < 0) return r;
    if (!from->readable() || to->room() == 0) return -EAGAIN;
    std::size_t most = std::min({std::size_t{op.length}, to->room(), pipe_capacity});
    if (most > 1 && world_->strikes(faults::short_transfer)) most = 1 + world_->chance().below(most - 1);
    bounce_.resize(pipe_capacity);
    const std::int32_t n = from->peek({bounce_.data(), most});
    return n <= 0 ? n : to->write({bounce_.data(), static_cast<std::size_t>(n)});
}

std::int32_t simulated_backend::poll(const poll_op& op) noexcept {
    const auto& what = world_->handles().find(op.target);
    if (!op.for_writing) return what->readable() ? POLLIN : -EAGAIN;
    if (!what->is_stream()) return POLLOUT;
    if (what->write({}) < 0) return POLLOUT | POLLERR;
    return what->room() != 0 ? POLLOUT : -EAGAIN;
}

// --- Files and the rest ------------------------------------------------------------------------------------------

std::int32_t simulated_backend::open(const open_op& op) {
    if (const std::int32_t r = world_->refuses_another(); r < 0) return r;
    const auto where = place_of(op.directory, op.path);
    if (!where) return where.error();
    auto file = world_->disk().open(*where, op.request);
    return file ? world_->open(std::move(*file)) : file.error();
}

std::expected<relative_path, std::int32_t> simulated_backend::place_of(handle directory, const char* path) const {
    if (!directory.valid() || *path == '/') {
        const auto file = find<open_file>(directory);  // openat2(2) may take it for the root
        return relative_path{file != nullptr && file->place() != nullptr ? *file->place() : "", path};
    }
    const auto file = find<open_file>(directory);
    if (file == nullptr) return std::unexpected(world_->handles().find(directory) == nullptr ? -EBADF : -ENOTDIR);
    if (file->place() == nullptr) return std::unexpected(-ENOTDIR);
    return relative_path{*file->place(), path};
}

std::int32_t simulated_backend::status(status_op& op) {
    if (*op.path != '\0') {
        const auto where = place_of(op.target, op.path);
        if (!where) return where.error();
        return world_->strikes(faults::io_error) ? -EIO : world_->disk().status(*where, op);
    }
    if (const auto file = find<open_file>(op.target)) return file->status(op);
    return world_->handles().find(op.target) == nullptr ? -EBADF : -ESPIPE;
}

std::int32_t simulated_backend::change_name(operation& op) {
    const auto in = [&](handle directory, const char* path, auto call) -> std::int32_t {
        const auto where = place_of(directory, path);
        if (!where) return where.error();
        if (world_->strikes(faults::io_error)) return -EIO;
        return call(*where);
    };
    if (op.kind == op_kind::unlink) {
        const auto& removal = as<unlink_op>(op);
        return in(removal.directory, removal.path,
                  [&](const relative_path& at) { return world_->disk().unlink(at, removal.of_directory); });
    }
    if (world_->strikes(faults::no_space)) return -ENOSPC;
    if (op.kind == op_kind::symlink) {
        const auto& link = as<symlink_op>(op);
        return in(link.directory, link.path,
                  [&](const relative_path& at) { return world_->disk().symlink(link.text, at); });
    }
    const auto& made = as<make_directory_op>(op);
    return in(made.directory, made.path,
              [&](const relative_path& at) { return world_->disk().make_directory(at, made.mode); });
}

std::int32_t simulated_backend::change_two_names(operation& op) {
    const auto between = [&](const auto& names, auto call) -> std::int32_t {
        const auto from = place_of(names.directory, names.path);
        if (!from) return from.error();
        const auto to = place_of(names.new_directory, names.new_path);
        if (!to) return to.error();
        if (world_->strikes(faults::io_error)) return -EIO;
        if (world_->strikes(faults::no_space)) return -ENOSPC;
        return call(*from, *to);
    };
    if (op.kind == op_kind::link) {
        return between(as<link_op>(op),
                       [&](const auto& from, const auto& to) { return world_->disk().link(from, to); });
    }
    const auto& names = as<rename_op>(op);
    return between(names,
                   [&](const auto& from, const auto& to) { return world_->disk().rename(from, to, names.rule); });
}

std::int32_t simulated_backend::close(const close_op& op) noexcept {
    if (op.forget_only) return 0;
    if (world_->handles().find(op.target) == nullptr) return -EBADF;
    world_->handles().remove(op.target)->close();
    return 0;
}

std::int32_t simulated_backend::pipe(pipe_op& op) {
    if (const std::int32_t r = world_->refuses_another(); r < 0) return r;
    const auto through = std::make_shared<channel>(*world_, pipe_capacity);
    op.read_end = {world_->open(std::make_shared<pipe_end>(*world_, through, false))};
    if (const std::int32_t r = world_->refuses_another(); r < 0) {
        world_->handles().remove(op.read_end)->close();
        return r;
    }
    op.write_end = {world_->open(std::make_shared<pipe_end>(*world_, through, true))};
    return 0;
}

std::int32_t simulated_backend::signals(const signals_op& op) {
    if (const std::int32_t r = world_->refuses_another(); r < 0) return r;
    return world_->open(std::make_shared<signal_inbox>(*world_, op.mask));
}

}  // namespace penstock::detail

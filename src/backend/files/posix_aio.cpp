#include "backend/files/posix_aio.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace penstock::detail {
namespace {

std::int32_t result_of(posix_request& request) noexcept {
    const int error = ::aio_error(&request);
    const ::ssize_t bytes = ::aio_return(&request);
    return error == 0 ? static_cast<std::int32_t>(bytes) : -error;
}

handle target_of(const operation& op) noexcept {
    return op.kind == op_kind::sync ? static_cast<const sync_op&>(op).target
                                    : static_cast<const read_at_op&>(op).target;
}

void describe_request(posix_request& request, const operation& op) noexcept {
    static_cast<::aiocb&>(request) = ::aiocb{};
    request.aio_fildes = target_of(op).id;
    request.aio_sigevent.sigev_notify = SIGEV_NONE;
    if (op.kind == op_kind::sync) return;
    const auto& transfer = static_cast<const read_at_op&>(op);
    request.aio_buf = transfer.slices[0].data;
    request.aio_nbytes = transfer.slices[0].size;
    request.aio_offset = static_cast<::off_t>(transfer.offset);
}

}  // namespace

std::expected<std::unique_ptr<file_path>, setup_error> posix_aio_files::create(
    const file_path_environment& environment) {
    auto watcher = posix_watcher::get();
    if (!watcher) return std::unexpected(std::move(watcher.error()));
    return std::make_unique<posix_aio_files>(environment, std::move(*watcher));
}

posix_aio_files::posix_aio_files(const file_path_environment& environment, std::shared_ptr<posix_watcher> watcher)
    : requests_(std::make_unique<posix_request[]>(environment.most)),
      ended_(environment.owner),
      watcher_(std::move(watcher)) {
    for (std::uint32_t i = 0; i < environment.most; ++i) {
        requests_[i].reply_to = &ended_;
        requests_[i].next = std::exchange(free_, &requests_[i]);
    }
}

void posix_aio_files::describe(capability_table& table) const noexcept {
    for (const op_kind kind : {op_kind::read_at, op_kind::write_at, op_kind::sync}) {
        if (table[kind].support == support::unsupported) continue;
        table[kind] = {support::offloaded, cancellation::at_completion,
                       "POSIX AIO: threads of the C library, one request at a time for each descriptor"};
    }
}

// The kind matters: on a pipe or terminal glibc would make a plain read when there is no offset to read at.
bool posix_aio_files::takes(const operation& op) {
    switch (op.kind) {
        case op_kind::read_at:
        case op_kind::write_at: {
            const auto& transfer = static_cast<const read_at_op&>(op);
            return transfer.count == 1 && notes_.has(transfer.target.id, file_notes::on_disk);
        }
        case op_kind::sync: return notes_.has(static_cast<const sync_op&>(op).target.id, file_notes::on_disk);
        default: return false;  // POSIX AIO has no more than these
    }
}

std::optional<submitted> posix_aio_files::submit(operation& op) noexcept {
    if (!takes(op)) return std::nullopt;
    if (free_ == nullptr) return submitted::busy;
    posix_request& request = take_request(op);
    describe_request(request, op);
    if (!begin(request)) {
        release(request);
        return std::nullopt;  // no memory for it in glibc: the pool's are there already
    }
    watcher_->add(request);
    must_ring_ = true;
    return submitted::queued;
}

bool posix_aio_files::begin(posix_request& request) noexcept {
    switch (request.op->kind) {
        case op_kind::read_at: return ::aio_read(&request) == 0;
        case op_kind::write_at: return ::aio_write(&request) == 0;
        default: return ::aio_fsync(as<sync_op>(*request.op).data_only ? O_DSYNC : O_SYNC, &request) == 0;
    }
}

posix_request& posix_aio_files::take_request(operation& op) noexcept {
    posix_request& request = *free_;
    free_ = request.next;
    request.op = &op;
    op.scratch = {reinterpret_cast<std::uintptr_t>(&request), reinterpret_cast<std::uintptr_t>(this)};
    ++under_way_;
    return request;
}

void posix_aio_files::release(posix_request& request) noexcept {
    request.op = nullptr;
    request.next = std::exchange(free_, &request);
    --under_way_;
}

void posix_aio_files::flush() noexcept {
    if (std::exchange(must_ring_, false)) watcher_->ring();
}

// One that waits behind another is taken out, one that has begun ends at completion; the watcher hears of either.
bool posix_aio_files::cancel(operation& op, completions&) noexcept {
    if (op.scratch[1] != reinterpret_cast<std::uintptr_t>(this)) return false;
    auto& request = *reinterpret_cast<posix_request*>(op.scratch[0]);
    ::aio_cancel(request.aio_fildes, &request);
    return true;
}

void posix_aio_files::collect(completions& out) noexcept {
    for (posix_request* ended = ended_.take_all(); ended != nullptr;) {
        posix_request* const following = ended->next;
        operation& op = *ended->op;
        const std::int32_t result = result_of(*ended);
        release(*ended);
        out.finish(op, result);
        ended = following;
    }
}

}  // namespace penstock::detail

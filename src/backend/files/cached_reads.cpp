#include "backend/files/cached_reads.hpp"

#include "backend/nowait_transfer.hpp"
#include "op/call.hpp"

namespace penstock::detail {

void cached_reads::describe(capability_table& table) const noexcept {
    if (table[op_kind::read_at].support == support::unsupported) return;
    table[op_kind::read_at].why = "at once from the page cache (RWF_NOWAIT); a pool waits for the disk";
}

bool cached_reads::worth_asking(const read_at_op& op, std::uint64_t bytes) {
    const std::int32_t fd = op.target.id;
    return bytes <= most_without_waiting && notes_.has(fd, file_notes::on_disk) &&
           !notes_.has(fd, file_notes::direct) && !notes_.has(fd, file_notes::refuses_reads);
}

std::optional<submitted> cached_reads::submit(operation& op) noexcept {
    if (op.kind != op_kind::read_at) return std::nullopt;
    const auto& read = as<read_at_op>(op);
    const std::uint64_t bytes = bytes_asked(read);
    if (!worth_asking(read, bytes)) return std::nullopt;
    std::int32_t answer = -EINTR;
    while (answer == -EINTR) answer = call(op, call_mode::no_wait);
    const auto result = nowait_outcome(read, bytes, answer, notes_);
    if (!result) return std::nullopt;
    op.result = *result;
    return submitted::completed;
}

}  // namespace penstock::detail

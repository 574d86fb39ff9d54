#include "backend/linux_aio/aio_capabilities.hpp"

namespace penstock::detail {
namespace {

void replace(capability_table& table, op_kind kind, capability with) noexcept {
    if (table[kind].support != support::unsupported) table[kind] = with;
}

}  // namespace

void describe_linux_aio(capability_table& table) noexcept {
    for (const op_kind kind : {op_kind::receive, op_kind::send, op_kind::read, op_kind::write}) {
        replace(table, kind, {support::native, cancellation::prompt, "joins the turn's io_submit"});
    }
    for (const op_kind kind : {op_kind::accept, op_kind::connect, op_kind::splice}) {
        replace(table, kind, {support::emulated, cancellation::prompt, "waits by IOCB_CMD_POLL, then calls"});
    }
}

}  // namespace penstock::detail

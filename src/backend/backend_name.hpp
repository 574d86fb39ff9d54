// What a backend's name may say besides the mechanism: `epoll:level:exclusive+threads`.
#pragma once

#include "backend/backend.hpp"

#include <expected>
#include <span>
#include <string_view>

namespace penstock::detail {

/// NAME[:WORD]...[+FILES] — the mechanism, its words (`edge`, `level`, `oneshot`, `exclusive` where it has
/// triggers) and who does the work on files (`threads`, `posix_aio`, `linux_aio`; where the mechanism tells of
/// readiness only). What is named is noted in `options`; what is not stays as it is there.
/// \return the mechanism, or one line that says what is wrong and what there is.
std::expected<const mechanism*, setup_error> parse_backend_name(std::string_view name, std::span<const mechanism> all,
                                                                backend_options& options);

}  // namespace penstock::detail

// What an operation has found out of a file, for programs.
#pragma once

#include <penstock/file.hpp>

namespace penstock::fs {

/// Of one that succeeded.
file_status as_file_status(const detail::status_op& op) noexcept;

}  // namespace penstock::fs

// Names of files: renaming, removing, making directories and links.
#include "op/call.hpp"
#include "op/outcome.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace penstock::detail {

std::int32_t beside(handle directory) noexcept { return directory.valid() ? directory.id : AT_FDCWD; }

unsigned rename_op::flags() const noexcept {
    switch (rule) {
        case rename_rule::replace: return 0;
        case rename_rule::refuse: return RENAME_NOREPLACE;
        case rename_rule::exchange: return RENAME_EXCHANGE;
    }
    return 0;
}

std::int32_t rename_op::call(call_mode) noexcept {
    return outcome(::renameat2(beside(directory), path, beside(new_directory), new_path, flags()));
}

int unlink_op::flags() const noexcept { return of_directory ? AT_REMOVEDIR : 0; }

std::int32_t unlink_op::call(call_mode) noexcept { return outcome(::unlinkat(beside(directory), path, flags())); }

std::int32_t make_directory_op::call(call_mode) noexcept { return outcome(::mkdirat(beside(directory), path, mode)); }

std::int32_t symlink_op::call(call_mode) noexcept { return outcome(::symlinkat(text, beside(directory), path)); }

std::int32_t link_op::call(call_mode) noexcept {
    return outcome(::linkat(beside(directory), path, beside(new_directory), new_path, 0));
}

}  // namespace penstock::detail

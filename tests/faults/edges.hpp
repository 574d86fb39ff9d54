// A mechanism that tells of changes only (EPOLLET, SIGIO) tells nothing more after an answer that was made up: the
// kernel does not know that "not ready" was said, or less taken than there was. So that the fault is one that a kernel
// could have, the change is told once more.
#pragma once

#include <sys/epoll.h>

namespace penstock::testing {

/// epoll_ctl succeeded.
void note_registration(int epoll, int operation, int fd, const ::epoll_event* event) noexcept;
/// Whether a change of `fd` can be told once more if that is needed.
bool can_tell_again(int fd) noexcept;
/// Tells whoever watches `fd` for changes what it is ready for. Keeps errno.
void tell_again(int fd) noexcept;

}  // namespace penstock::testing

// The signal by which a blocked system call is left.
#pragma once

namespace penstock::detail {

/// Chosen once per process, and its empty handler installed: SIGURG, or if the program handles that, the
/// first free real-time signal. From then on the signal is penstock's; the program must not change what it
/// does. It is only ever sent to penstock's own workers, and is unblocked only there.
/// \return its number, or 0 if the program has a handler for each candidate.
///
/// SIGURG because it is ignored by default, so it kills nobody if it goes astray, and because standard
/// signals cannot be lost: a real-time one is refused (EAGAIN) when the user's queue of signals is full, and
/// no cancel may fail for that. What the program's own use of SIGURG would be (urgent data, with F_SETOWN) is
/// as good as extinct.
int interrupt_signal() noexcept;

}  // namespace penstock::detail

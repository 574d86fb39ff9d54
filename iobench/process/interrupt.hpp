// Ctrl-C ends what runs in order: what was measured is kept.
#pragma once

namespace iobench {

/// From now on SIGINT and SIGTERM are noted; a second one ends the program at once.
void note_interrupts();
/// Somebody wants an end. Whatever takes long looks at it.
bool interrupted() noexcept;

}  // namespace iobench

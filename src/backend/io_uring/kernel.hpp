// liburing, and what the kernel has learned since Debian's 2.3. The only place where newer constants are written down.
#pragma once

#include <liburing.h>

// From include/uapi/linux/io_uring.h of Linux 6.18.
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)  // 6.15: waiting is not counted as waiting for a disk
#endif
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif

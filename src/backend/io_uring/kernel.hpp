// liburing, and what the kernel has learned since Debian's 2.3. The only place where newer constants are written down.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <cstring>

// From include/uapi/linux/io_uring.h of Linux 6.18.
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)  // 6.15: waiting is not counted as waiting for a disk
#endif
#ifndef IORING_ENTER_EXT_ARG_REG
#define IORING_ENTER_EXT_ARG_REG (1U << 6)  // 6.13: the argument is an offset into registered memory
#endif
#ifndef IORING_FEAT_MIN_TIMEOUT
#define IORING_FEAT_MIN_TIMEOUT (1U << 15)  // 6.12: a wait for several completions has a time after which one will do
#endif
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif
#ifndef IORING_RECVSEND_BUNDLE
#define IORING_RECVSEND_BUNDLE \
    (1U << 4)  // 6.10: one completion for several buffers, which follow each other in the ring
#endif
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)  // 6.2: the notification says whether the bytes were copied after all
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif
#ifndef IORING_CQE_F_BUF_MORE
#define IORING_CQE_F_BUF_MORE (1U << 4)  // 6.12: the kernel goes on filling this buffer
#endif

namespace penstock::detail {

/// IOU_PBUF_RING_INC (6.12): the kernel goes on filling a buffer where the receive before it has stopped.
inline constexpr std::uint16_t ring_filled_in_parts = 2;

/// Sets the member `flags`, which is `pad` to liburing 2.3.
inline void set_flags(::io_uring_buf_reg& request, std::uint16_t flags) noexcept {
    constexpr std::size_t place = offsetof(::io_uring_buf_reg, bgid) + sizeof request.bgid;
    std::memcpy(reinterpret_cast<char*>(&request) + place, &flags, sizeof flags);
}

inline constexpr unsigned timeout_multishot = 1U << 6;  // 6.4: IORING_TIMEOUT_MULTISHOT

// Opcodes, with the version that brought them.
inline constexpr std::uint8_t opcode_send_zc = 47;           // 6.0
inline constexpr std::uint8_t opcode_sendmsg_zc = 48;        // 6.1
inline constexpr std::uint8_t opcode_read_multishot = 49;    // 6.7
inline constexpr std::uint8_t opcode_futex_wait = 51;        // 6.7
inline constexpr std::uint8_t opcode_futex_wake = 52;        // 6.7
inline constexpr std::uint8_t opcode_fixed_fd_install = 54;  // 6.8
inline constexpr std::uint8_t opcode_ftruncate = 55;         // 6.9
inline constexpr std::uint8_t opcode_recv_zc = 58;           // 6.15

// FUTEX2_SIZE_U32, FUTEX2_PRIVATE and FUTEX_BITSET_MATCH_ANY of linux/futex.h
inline constexpr int futex_is_32_bits = 2;
inline constexpr int futex_is_private = 128;
inline constexpr std::uint64_t futex_any_bit = 0xffff'ffff;

// Registrations.
inline constexpr unsigned register_napi = 27;        // 6.9
inline constexpr unsigned unregister_napi = 28;      // 6.9
inline constexpr unsigned register_mem_region = 34;  // 6.13

/// struct io_uring_napi
struct napi_request {
    std::uint32_t busy_poll_to = 0;  ///< microseconds
    std::uint8_t prefer_busy_poll = 0;
    std::uint8_t opcode = 0;
    std::uint8_t pad[2] = {};
    std::uint32_t op_param = 0;
    std::uint32_t reserved = 0;
};
static_assert(sizeof(napi_request) == 16);

/// struct io_uring_region_desc
struct region_description {
    std::uint64_t user_addr = 0;
    std::uint64_t size = 0;
    std::uint32_t flags = 0;
    std::uint32_t id = 0;
    std::uint64_t mmap_offset = 0;
    std::uint64_t reserved[4] = {};
};
static_assert(sizeof(region_description) == 64);
inline constexpr std::uint32_t region_is_ours = 1;  // IORING_MEM_REGION_TYPE_USER

/// struct io_uring_mem_region_reg
struct region_request {
    std::uint64_t description = 0;
    std::uint64_t flags = 0;
    std::uint64_t reserved[2] = {};
};
inline constexpr std::uint64_t region_for_waits = 1;  // IORING_MEM_REGION_REG_WAIT_ARG

/// struct io_uring_reg_wait
struct wait_argument {
    ::__kernel_timespec limit{};
    std::uint32_t min_wait_usec = 0;
    std::uint32_t flags = 0;
    std::uint64_t sigmask = 0;
    std::uint32_t sigmask_size = 0;
    std::uint32_t pad[3] = {};
    std::uint64_t pad2[2] = {};
};
static_assert(sizeof(wait_argument) == 64);
inline constexpr std::uint32_t wait_has_limit = 1;  // IORING_REG_WAIT_TS

}  // namespace penstock::detail

// io_setup and io_submit.
#include "faults/edges.hpp"
#include "faults/raw_calls.hpp"
#include "faults/struck_call.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace penstock::testing {
namespace {

constinit fault_point no_setup("io_setup", fault::no_aio_slots);
constinit fault_point no_submit("io_submit", fault::no_aio_slots);
constinit fault_point part_submitted("io_submit takes less", fault::short_transfers);
constinit fault_point short_block("iocb of less", fault::short_transfers);
constinit fault_point vain_block("iocb not ready", fault::again);

constexpr unsigned fewest_slots = 256;  // a loop that asked for no more gets them, or there would be no loop
constexpr std::size_t most_changed = 64;

bool moves_bytes(const ::iocb& block) noexcept {
    const bool whole = block.aio_lio_opcode == IOCB_CMD_PREAD || block.aio_lio_opcode == IOCB_CMD_PWRITE;
    return whole && block.aio_nbytes > sizeof(std::uint64_t);  // an eventfd's count comes whole
}

bool moves_slices(const ::iocb& block) noexcept {
    return block.aio_lio_opcode == IOCB_CMD_PREADV || block.aio_lio_opcode == IOCB_CMD_PWRITEV;
}

bool reads(const ::iocb& block) noexcept {
    return block.aio_lio_opcode == IOCB_CMD_PREAD || block.aio_lio_opcode == IOCB_CMD_PREADV;
}

bool is_file(int fd) noexcept { return ::lseek(fd, 0, SEEK_CUR) >= 0; }

/// An empty pipe to read from, a full one to write to: both answer EAGAIN.
class stuck_pipes {
  public:
    stuck_pipes() noexcept {
        static_cast<void>(::pipe2(empty_.data(), O_CLOEXEC | O_NONBLOCK) +
                          ::pipe2(full_.data(), O_CLOEXEC | O_NONBLOCK));
        constexpr std::array<char, 4096> filling{};
        while (::write(full_[1], filling.data(), filling.size()) > 0) {
        }
    }
    std::uint32_t for_block(const ::iocb& block) const noexcept {
        return static_cast<std::uint32_t>(reads(block) ? empty_[0] : full_[1]);
    }

  private:
    std::array<int, 2> empty_{-1, -1};
    std::array<int, 2> full_{-1, -1};
};
const stuck_pipes stuck;  // open before any case looks at what is open

bool shorten(::iocb& block) noexcept {
    const int fd = static_cast<int>(block.aio_fildes);
    const std::size_t fewest = moves_slices(block) ? 1 : is_file(fd) ? penstock::testing::block : least_piece;
    if (block.aio_nbytes <= fewest || !can_tell_again(fd) || !is_stream(fd) || !short_block.strikes()) return false;
    block.aio_nbytes = fewest + random_number() % (block.aio_nbytes - fewest);
    if (!moves_slices(block) && is_file(fd)) block.aio_nbytes = whole_blocks(block.aio_nbytes);
    return true;
}

/// Reads or writes elsewhere, where nothing can be read or written.
bool make_vain(::iocb& block) noexcept {
    const int fd = static_cast<int>(block.aio_fildes);
    const bool sleeps = (block.aio_rw_flags & RWF_NOWAIT) == 0 && may_sleep(fd);
    if (sleeps || is_file(fd) || !can_tell_again(fd) || !vain_block.strikes()) return false;
    block.aio_fildes = stuck.for_block(block);
    return true;
}

/// Blocks as the caller made them, to be put back when the kernel has copied them.
class changed_blocks {
  public:
    changed_blocks(::iocb** blocks, long count) noexcept {
        for (long i = 0; i < count && used_ < most_changed; ++i) change(*blocks[i]);
    }
    ~changed_blocks() {
        const int before = errno;
        for (std::size_t i = 0; i < used_; ++i) {
            *at_[i] = as_made_[i];
            tell_again(static_cast<int>(at_[i]->aio_fildes));
        }
        errno = before;
    }
    changed_blocks(const changed_blocks&) = delete;
    changed_blocks& operator=(const changed_blocks&) = delete;

  private:
    void change(::iocb& block) noexcept {
        if (!moves_bytes(block) && !moves_slices(block)) return;
        const ::iocb before = block;
        if (!shorten(block) && !make_vain(block)) return;
        at_[used_] = &block;
        as_made_[used_++] = before;
    }

    std::size_t used_ = 0;
    std::array<::iocb*, most_changed> at_;
    std::array<::iocb, most_changed> as_made_;
};

}  // namespace

long faulty_io_setup(unsigned slots, ::aio_context_t* id) noexcept {
    if (slots > fewest_slots && no_setup.strikes()) {
        errno = EAGAIN;
        return -1;
    }
    return ::syscall(SYS_io_setup, slots, id);
}

long faulty_io_submit(::aio_context_t id, long count, ::iocb** blocks) noexcept {
    if (no_submit.strikes()) {
        errno = EAGAIN;
        return -1;
    }
    if (count > 1 && part_submitted.strikes())
        count = 1 + static_cast<long>(random_number() % static_cast<std::uint64_t>(count - 1));
    const changed_blocks changed(blocks, count);
    return ::syscall(SYS_io_submit, id, count, blocks);
}

}  // namespace penstock::testing

// aio-test OPERATION FILE [OPTION...]: does io_submit return before the work is done?
//
//   OPERATION   pread pwrite preadv pwritev fsync fdsync poll noop    (writes overwrite FILE)
//   direct      open FILE with O_DIRECT
//   cold, hot   first drop FILE from the page cache, or read it
//   requests=N  so many in one io_submit, one behind the other in the file (1)
//   size=BYTES  of each (4096); offset=BYTES where the first begins (0)
//   misaligned  one byte beyond an aligned address
//
// Native AIO is asynchronous where the file system and the device make it so. Elsewhere io_submit does all of the work
// and then returns, and the program that wanted not to wait has waited. Try 1 GiB of /dev/zero:
//   aio-test pread /dev/zero size=1073741824
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t page = 4096;
constexpr std::uint64_t most_memory = std::uint64_t{2} << 30;

[[noreturn]] void fail(const std::string& what, int status = 1) {
    std::fprintf(stderr, "aio-test: %s\n", what.c_str());
    std::exit(status);
}

[[noreturn]] void fail_with_errno(const std::string& call) { fail(call + ": " + std::strerror(errno)); }

struct wish {
    std::uint16_t command = 0;
    std::string operation;
    std::string file;
    std::uint64_t requests = 1;
    std::uint64_t size = page;
    std::uint64_t offset = 0;
    bool direct = false;
    bool cold = false;
    bool hot = false;
    bool misaligned = false;

    bool moves_bytes() const { return command <= IOCB_CMD_PWRITE || command >= IOCB_CMD_PREADV; }
    bool writes() const { return command == IOCB_CMD_PWRITE || command == IOCB_CMD_PWRITEV; }
    bool is_vectored() const { return command == IOCB_CMD_PREADV || command == IOCB_CMD_PWRITEV; }
};

std::uint16_t command_named(const std::string& name) {
    constexpr std::pair<std::string_view, std::uint16_t> all[] = {
        {"pread", IOCB_CMD_PREAD},   {"pwrite", IOCB_CMD_PWRITE}, {"preadv", IOCB_CMD_PREADV},
        {"fsync", IOCB_CMD_FSYNC},   {"poll", IOCB_CMD_POLL},     {"pwritev", IOCB_CMD_PWRITEV},
        {"fdsync", IOCB_CMD_FDSYNC}, {"noop", IOCB_CMD_NOOP},
    };
    for (const auto& [known, command] : all) {
        if (known == name) return command;
    }
    fail("no operation '" + name + "'; choose pread, pwrite, preadv, pwritev, fsync, fdsync, poll or noop", 2);
}

std::optional<std::uint64_t> number_after(const std::string& word, std::string_view key) {
    if (!word.starts_with(key)) return std::nullopt;
    char* end = nullptr;
    const char* const digits = word.c_str() + key.size();
    const std::uint64_t value = std::strtoull(digits, &end, 10);
    if (end == digits || *end != '\0') fail("'" + word + "' is not a number of something", 2);
    return value;
}

wish read_command_line(const std::vector<std::string>& words) {
    if (words.size() < 2) fail("usage: aio-test OPERATION FILE [direct] [cold|hot] [requests=N] [size=BYTES]...", 2);
    wish w{.command = command_named(words[0]), .operation = words[0], .file = words[1]};
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "direct")
            w.direct = true;
        else if (word == "cold")
            w.cold = true;
        else if (word == "hot")
            w.hot = true;
        else if (word == "misaligned")
            w.misaligned = true;
        else if (const auto requests = number_after(word, "requests="))
            w.requests = *requests;
        else if (const auto size = number_after(word, "size="))
            w.size = *size;
        else if (const auto offset = number_after(word, "offset="))
            w.offset = *offset;
        else
            fail("no option '" + word + "'", 2);
    }
    if (w.requests == 0 || w.requests > 1024) fail("requests: from 1 to 1024", 2);
    if (w.size > most_memory / w.requests) fail("size: all requests together at most 2 GiB", 2);
    return w;
}

int open_file(const wish& w) {
    const int access = w.writes() || w.command == IOCB_CMD_FSYNC || w.command == IOCB_CMD_FDSYNC ? O_RDWR : O_RDONLY;
    const int fd = ::open(w.file.c_str(), access | O_CLOEXEC | (w.direct ? O_DIRECT : 0));
    if (fd < 0) fail_with_errno(w.file);
    return fd;
}

// DONTNEED drops pages that are clean, so they are written first.
void prepare_cache(const wish& w) {
    if (!w.cold && !w.hot) return;
    const int fd = ::open(w.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail_with_errno(w.file);
    if (w.cold) {
        ::fsync(fd);
        ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    } else {
        std::vector<char> piece(1 << 20);
        while (::read(fd, piece.data(), piece.size()) > 0) {
        }
    }
    ::close(fd);
}

struct requests {
    requests(const wish& w, int fd)
        : memory(static_cast<char*>(std::aligned_alloc(page, (w.requests * w.size + 2 * page) / page * page))),
          slices(w.requests),
          blocks(w.requests) {
        if (memory == nullptr) fail("no memory for " + std::to_string(w.requests * w.size) + " bytes");
        for (std::uint64_t i = 0; i < w.requests; ++i) fill(w, fd, i);
    }
    ~requests() { std::free(memory); }
    requests(const requests&) = delete;
    requests& operator=(const requests&) = delete;

    void fill(const wish& w, int fd, std::uint64_t i) {
        iocb& block = blocks[i];
        block.aio_data = i;
        block.aio_lio_opcode = w.command;
        block.aio_fildes = static_cast<std::uint32_t>(fd);
        if (w.command == IOCB_CMD_POLL) block.aio_buf = POLLIN;
        if (w.moves_bytes()) {
            slices[i] = {memory + i * w.size + (w.misaligned ? 1 : 0), w.size};
            const void* const where = w.is_vectored() ? static_cast<void*>(&slices[i]) : slices[i].iov_base;
            block.aio_buf = reinterpret_cast<std::uintptr_t>(where);
            block.aio_nbytes = w.is_vectored() ? 1 : w.size;
            block.aio_offset = static_cast<std::int64_t>(w.offset + i * w.size);
        }
        addresses.push_back(&block);
    }

    char* memory;
    std::vector<iovec> slices;
    std::vector<iocb> blocks;
    std::vector<iocb*> addresses;
};

// What O_DIRECT wants is the device's business; below 512 it never is enough.
void explain_misaligned(const wish& w, const requests& all) {
    const auto tell = [](const char* what, std::uint64_t value) {
        if (value % 512 != 0)
            std::printf("  with O_DIRECT: the %s (%llu) is not a multiple of 512\n", what,
                        static_cast<unsigned long long>(value));
    };
    tell("address", reinterpret_cast<std::uintptr_t>(all.slices[0].iov_base));
    tell("length", w.size);
    tell("offset", w.offset);
}

double microseconds(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double, std::micro>(to - from).count();
}

void run(const wish& w, requests& all) {
    aio_context_t context = 0;
    if (::syscall(SYS_io_setup, w.requests, &context) != 0) fail_with_errno("io_setup (see sysctl fs.aio-max-nr)");
    const auto begin = std::chrono::steady_clock::now();
    // An error concerns the first request; the call tells of it only when that is the first of the array.
    const long taken = ::syscall(SYS_io_submit, context, w.requests, all.addresses.data());
    const int error = errno;
    const auto submitted = std::chrono::steady_clock::now();
    if (taken < 0) {
        std::printf("io_submit: refused after %.1f us: %s\n", microseconds(begin, submitted), std::strerror(error));
        if (error == EINVAL && w.command == IOCB_CMD_NOOP)
            std::printf("  the kernel has a number for it and no code\n");
        return;
    }
    std::vector<io_event> events(static_cast<std::size_t>(taken));
    const timespec limit{.tv_sec = 10, .tv_nsec = 0};
    const long came = ::syscall(SYS_io_getevents, context, taken, taken, events.data(), &limit);
    const auto completed = std::chrono::steady_clock::now();

    for (long i = 0; i < came; ++i) {
        const io_event& e = events[static_cast<std::size_t>(i)];
        const char* const meaning = e.res < 0 ? std::strerror(static_cast<int>(-e.res)) : "";
        std::printf("request %llu: res %lld, res2 %lld %s\n", static_cast<unsigned long long>(e.data),
                    static_cast<long long>(e.res), static_cast<long long>(e.res2), meaning);
        if (e.res == -EINVAL && w.direct) explain_misaligned(w, all);
    }
    const double in_submit = microseconds(begin, submitted);
    const double in_all = microseconds(begin, completed);
    std::printf("%s: %ld of %llu taken, %ld completed; %.1f us in io_submit, %.1f us to the last completion\n",
                w.operation.c_str(), taken, static_cast<unsigned long long>(w.requests), came, in_submit, in_all);
    std::printf("%.0f %% of the time was spent in io_submit: %s\n", 100 * in_submit / in_all,
                in_submit > in_all / 2 ? "it did the work itself" : "the work was done elsewhere");
    ::syscall(SYS_io_destroy, context);
}

}  // namespace

int main(int count, char** values) {
    const wish w = read_command_line({values + 1, values + count});
    const int fd = open_file(w);
    prepare_cache(w);
    requests all(w, fd);
    run(w, all);
    ::close(fd);
}

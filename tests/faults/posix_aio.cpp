// aio_read, aio_write, aio_fsync and aio_suspend of the C library, whose threads then do the work with calls of its
// own.
#include "faults/struck_call.hpp"

#include <aio.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

using namespace penstock::testing;

namespace {

constinit fault_point short_request("aio_read, aio_write", fault::short_transfers);
constinit fault_point refused("aio_read, aio_write, aio_fsync", fault::again);
constinit fault_point suspend_interrupted("aio_suspend", fault::interrupted);

/// The C library has no request left, or no thread for it.
bool has_no_request() noexcept {
    if (!refused.strikes()) return false;
    errno = EAGAIN;
    return true;
}

bool is_count(const ::aiocb& request) noexcept { return request.aio_nbytes == sizeof(std::uint64_t); }

void shorten(::aiocb& request) noexcept {
    if (request.aio_nbytes <= block || !short_request.strikes()) return;
    request.aio_nbytes = whole_blocks(block + random_number() % (request.aio_nbytes - block));
}

}  // namespace

extern "C" {

int penstock_faults_aio_read(::aiocb* request) {
    if (!is_count(*request) && has_no_request()) return -1;
    shorten(*request);
    return ::aio_read(request);
}

int penstock_faults_aio_write(::aiocb* request) {
    if (has_no_request()) return -1;
    shorten(*request);
    return ::aio_write(request);
}

int penstock_faults_aio_fsync(int how, ::aiocb* request) { return has_no_request() ? -1 : ::aio_fsync(how, request); }

int penstock_faults_aio_suspend(const ::aiocb* const* requests, int count, const ::timespec* limit) {
    const bool waits = limit == nullptr || limit->tv_sec != 0 || limit->tv_nsec != 0;
    if (waits && suspend_interrupted.strikes()) {
        errno = EINTR;
        return -1;
    }
    return ::aio_suspend(requests, count, limit);
}

}  // extern "C"

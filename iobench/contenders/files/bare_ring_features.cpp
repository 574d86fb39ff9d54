// io_uring with registered files, registered buffers and pollers, as its name says: what does each gain?
#include "contenders/files/file_contenders.hpp"
#include "contenders/ring/feature_ring.hpp"

#include <sys/uio.h>

namespace iobench {

namespace {

void register_what_is_wanted(feature_ring& ring, const ring_features& with, const std::vector<int>& files,
                             const std::vector<file_request>& requests) {
    if (with.files) {
        const int r = ::io_uring_register_files(ring.native(), files.data(), static_cast<unsigned>(files.size()));
        if (r < 0) give_up("io_uring_register_files", -r);
    }
    if (!with.buffers) return;
    std::vector<::iovec> all;
    for (const file_request& one : requests) all.push_back({one.bytes.data(), one.bytes.size()});
    const int r = ::io_uring_register_buffers(ring.native(), all.data(), static_cast<unsigned>(all.size()));
    if (r < 0) give_up("io_uring_register_buffers (see ulimit -l)", -r);
}

}  // namespace

void read_with_features(file_work& work, const ring_features& with) {
    const auto files = work.open_files();
    auto requests = work.requests();
    feature_ring ring(static_cast<unsigned>(requests.size()), with);
    register_what_is_wanted(ring, with, files, requests);
    work.begin();
    file_worker worker(work);
    std::size_t under_way = 0;
    const auto start = [&](file_request& request) {
        if (!worker.next(request)) return;
        io_uring_sqe& entry = ring.prepare();
        const int fd = with.files ? static_cast<int>(request.file) : files[request.file];
        const auto size = static_cast<unsigned>(request.bytes.size());
        if (with.buffers) {
            const auto index = static_cast<int>(&request - requests.data());
            ::io_uring_prep_read_fixed(&entry, fd, request.bytes.data(), size, request.offset, index);
        } else {
            ::io_uring_prep_read(&entry, fd, request.bytes.data(), size, request.offset);
        }
        if (with.files) entry.flags |= IOSQE_FIXED_FILE;
        ::io_uring_sqe_set_data(&entry, &request);
        ++under_way;
    };
    for (file_request& one : requests) start(one);
    while (under_way != 0) {
        ring.turn();
        ring.reap([&](const io_uring_cqe& done) {
            auto& request = *static_cast<file_request*>(::io_uring_cqe_get_data(&done));
            worker.done(request, done.res);
            --under_way;
            start(request);
        });
    }
}

std::vector<file_contender> ring_feature_file_contenders() {
    std::vector<file_contender> all;
    for (const char* const name :
         {"bare/ring", "bare/ring+files", "bare/ring+buffers", "bare/ring+files+buffers", "bare/ring+sqpoll",
          "bare/ring+files+buffers+sqpoll", "bare/ring+iopoll", "bare/ring+files+buffers+sqpoll+iopoll"}) {
        const ring_features with = ring_features::named(name);
        all.push_back({{name, group::bare, why_no_ring(with)},
                       [with](file_work& work) { read_with_features(work, with); },
                       false,
                       false});
    }
    return all;
}

}  // namespace iobench

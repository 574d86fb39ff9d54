// Native AIO as most programs use it: by libaio, which reads completions from the shared ring where it can.
#include "contenders/files/file_contenders.hpp"
#include "count/counters.hpp"

#if IOBENCH_HAS_LIBAIO

#include <libaio.h>

#include <vector>

namespace iobench {

bool has_libaio() noexcept { return true; }

void read_with_libaio(file_work& work) {
    const auto files = work.open_files();
    const bool write = work.job().write;
    auto requests = work.requests();
    std::vector<::iocb> blocks(requests.size());
    std::vector<::io_event> events(requests.size());
    std::vector<::iocb*> batch;
    ::io_context_t context = nullptr;
    if (const int r = ::io_setup(static_cast<int>(blocks.size()), &context); r < 0) give_up("io_setup", -r);
    work.begin();
    file_worker worker(work);
    std::size_t under_way = 0;
    const auto start = [&](std::size_t i) {
        file_request& request = requests[i];
        if (!worker.next(request)) return;
        auto* const prepare = write ? ::io_prep_pwrite : ::io_prep_pread;
        prepare(&blocks[i], files[request.file], request.bytes.data(), request.bytes.size(),
                static_cast<long long>(request.offset));
        batch.push_back(&blocks[i]);
        ++under_way;
    };
    for (std::size_t i = 0; i < requests.size(); ++i) start(i);
    while (under_way != 0) {
        for (std::size_t taken = 0; taken < batch.size();) {
            note(call::io_submit);  // libaio's own calls go by unseen
            const int n = ::io_submit(context, static_cast<long>(batch.size() - taken), batch.data() + taken);
            if (n < 0) give_up("io_submit", -n);
            taken += static_cast<std::size_t>(n);
        }
        batch.clear();
        note(call::io_getevents);
        const int came = ::io_getevents(context, 1, static_cast<long>(events.size()), events.data(), nullptr);
        for (int n = 0; n < came; ++n) {
            const ::io_event& event = events[static_cast<std::size_t>(n)];
            const auto i = static_cast<std::size_t>(event.obj - blocks.data());
            worker.done(requests[i], static_cast<std::int64_t>(event.res));
            --under_way;
            start(i);
        }
    }
    ::io_destroy(context);
}

}  // namespace iobench

#else

namespace iobench {

bool has_libaio() noexcept { return false; }

void read_with_libaio(file_work&) { give_up("built without libaio"); }

}  // namespace iobench

#endif

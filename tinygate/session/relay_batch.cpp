#include "session/relay_batch.hpp"

#include <cstring>

namespace tinygate {

using what = penstock::http::body_reader::what;

relay_batch::collected relay_batch::collect(penstock::http::body_reader& body, std::string_view in,
                                            outgoing_framing framing) noexcept {
    collected all{.last = what::data, .consumed = 0, .bytes = 0};
    while (chunks_ < most_chunks) {
        const auto event = body.next(in.substr(all.consumed));
        all.last = event.kind;
        all.consumed += event.consumed;
        if (event.kind == what::end && framing == outgoing_framing::chunked) add(penstock::http::last_chunk);
        if (event.kind != what::data) return all;
        all.bytes += event.data.size();
        if (framing == outgoing_framing::chunked) {
            add(penstock::http::chunk_size_line(sizes_[chunks_], event.data.size()));
            add(event.data);
            add("\r\n");
        } else {
            add(event.data);
        }
        ++chunks_;
    }
    all.last = what::data;
    return all;
}

bool relay_batch::keep(std::vector<char>& memory, std::size_t room) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < count_; ++i) size += slices_[i].size;
    if (size > room) return false;
    memory.resize(room);
    char* to = memory.data();
    for (std::size_t i = 0; i < count_; ++i) {
        std::memcpy(to, slices_[i].data, slices_[i].size);
        slices_[i].data = to;
        to += slices_[i].size;
    }
    return true;
}

}  // namespace tinygate

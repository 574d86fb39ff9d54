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

bool relay_batch::join(std::span<char> room) noexcept {
    if (count_ == 0 || slices_[0].data != room.data()) return false;
    std::size_t size = 0;
    for (const penstock::io_slice& piece : slices()) size += piece.size;
    if (size > room.size()) return false;
    char* end = room.data() + slices_[0].size;
    for (const penstock::io_slice& piece : slices().subspan(1)) {
        std::memcpy(end, piece.data, piece.size);
        end += piece.size;
    }
    slices_[0].size = size;
    count_ = 1;
    return true;
}

}  // namespace tinygate

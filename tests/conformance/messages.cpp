// Descriptors that travel with messages over Unix sockets.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace penstock::testing {
namespace {

class messages : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (!IsSkipped() && capabilities().own_world) GTEST_SKIP() << own_world;
    }
};
PENSTOCK_ON_EVERY_BACKEND(messages);

endpoint unused_path() {
    static int count = 0;
    return *endpoint::parse("unix:@penstock-messages-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
}

task<stream_pair> unix_pair() { return connected(unused_path()); }

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// What was received, with its text.
struct received {
    std::string text;
    net::message about;
};

template <class Socket>
task<result<received>> receive_one(Socket& from, std::size_t room = 100,
                                   std::size_t most = net::most_passed_descriptors) {
    std::string text(room, '\0');
    auto about = co_await from.receive_with(std::as_writable_bytes(std::span(text)), most);
    if (!about) co_return std::unexpected(about.error());
    text.resize(about->size);
    co_return received{std::move(text), std::move(*about)};
}

/// What is written to the pipe's end that has come is read from the one that stayed.
task<> expect_writer(net::passed_descriptors& came, std::size_t number, raw_pipe& of) {
    owned_handle end = came.take(number);
    EXPECT_TRUE(closes_on_exec(end.name()));
    auto writer = must(co_await adopt(std::move(end)));
    must(co_await writer.send(std::string_view("through")));
    EXPECT_EQ(read_available(of.reader.name()), "through");
    must(co_await writer.close());
    EXPECT_FALSE(came.take(number).open()) << "it was taken";
}

TEST_P(messages, bring_descriptors_over_a_stream) {
    run([]() -> task<> {
        stream_pair pair = co_await unix_pair();
        raw_pipe one;
        raw_pipe two;
        const std::array<handle, 2> both{one.writer.name(), two.writer.name()};
        const std::string text = "two of them";
        must(co_await pair.near.send_with(both, bytes_of(text)));
        received r = must(co_await receive_one(pair.far));
        EXPECT_EQ(r.text, text);
        EXPECT_FALSE(r.about.descriptors_lost);
        EXPECT_EQ(r.about.descriptors.size(), 2U);
        if (r.about.descriptors.size() != 2) co_return;
        co_await expect_writer(r.about.descriptors, 0, one);
        co_await expect_writer(r.about.descriptors, 1, two);
        must(co_await pair.near.send_with({}, bytes_of(text)));
        const received none = must(co_await receive_one(pair.far));
        EXPECT_EQ(none.text, text);
        EXPECT_TRUE(none.about.descriptors.empty());
        must(co_await pair.near.close());
        const received end = must(co_await receive_one(pair.far));
        EXPECT_EQ(end.about.size, 0U);
    });
}

TEST_P(messages, bring_them_with_their_first_byte) {
    run([]() -> task<> {
        stream_pair pair = co_await unix_pair();
        raw_pipe pipe;
        const std::string all = pattern(2'000'000);  // more than a socket takes at once
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, [](net::stream& to, handle end, const std::string& text) -> task<> {
                const std::array<handle, 1> only{end};
                must(co_await to.send_with(only, bytes_of(text)));
            }(pair.near, pipe.writer.name(), all));
            std::string got;
            std::size_t descriptors = 0;
            while (got.size() < all.size()) {
                const received r = must(co_await receive_one(pair.far, got.empty() ? 3 : 100'000));
                EXPECT_EQ(r.about.descriptors.size(), got.empty() ? 1U : 0U);
                if (r.text.empty()) break;
                descriptors += r.about.descriptors.size();
                got += r.text;
            }
            EXPECT_TRUE(same_bytes(got, all));
            EXPECT_EQ(descriptors, 1U);
            co_await s.join();
        });
    });
}

TEST_P(messages, bring_descriptors_over_datagrams) {
    run([]() -> task<> {
        const endpoint at = unused_path();
        auto far = must(co_await net::bind_datagram(at));
        auto near = must(co_await net::bind_datagram(unused_path()));
        raw_pipe pipe;
        const std::array<handle, 1> only{pipe.writer.name()};
        must(co_await near.send_with(only, bytes_of("to an address"), at));
        must(co_await near.connect(at));
        must(co_await near.send_with(only, bytes_of("connected")));
        for (const char* const text : {"to an address", "connected"}) {
            received r = must(co_await receive_one(far));
            EXPECT_EQ(r.text, text);
            EXPECT_EQ(r.about.from.to_string(), must(co_await near.local_endpoint()).to_string());
            EXPECT_EQ(r.about.descriptors.size(), 1U);
            if (r.about.descriptors.size() != 1) co_return;
            co_await expect_writer(r.about.descriptors, 0, pipe);
        }
        must(co_await near.send_with(only, bytes_of("longer than the memory")));
        const received cut = must(co_await receive_one(far, 6));
        EXPECT_TRUE(cut.about.truncated);
        EXPECT_EQ(cut.text, "longer");
        EXPECT_EQ(cut.about.descriptors.size(), 1U);
    });
}

// The fixture looks whether descriptors are left.
TEST_P(messages, those_that_are_not_asked_for_or_not_taken_are_closed) {
    run([]() -> task<> {
        stream_pair pair = co_await unix_pair();
        raw_pipe pipe;
        const std::array<handle, 3> three{pipe.reader.name(), pipe.writer.name(), pipe.writer.name()};
        for (std::size_t most = 0; most <= 3; ++most) {
            must(co_await pair.near.send_with(three, bytes_of("three")));
            const received r = must(co_await receive_one(pair.far, 100, most));
            EXPECT_EQ(r.text, "three");
            EXPECT_EQ(r.about.descriptors.size(), most);
            EXPECT_EQ(r.about.descriptors_lost, most < 3);
        }
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, receive_one(pair.far));
            EXPECT_TRUE(is_cancelled(r));
        }
        for (const int after : moments) {
            must(co_await pair.near.send_with(three, bytes_of("x")));
            const auto r = co_await cancelled_after(after, receive_one(pair.far));
            EXPECT_TRUE(r.has_value() || is_cancelled(r));
            if (r) continue;
            const received late = must(co_await receive_one(pair.far));
            EXPECT_EQ(late.about.descriptors.size(), 3U);
        }
        must(co_await pair.near.send_with(three, bytes_of("nobody reads this")));
    });
}

/// More than penstock sends with a message.
void send_many(int socket, int descriptor, std::size_t count) {
    std::vector<int> all(count, descriptor);
    std::vector<std::uint64_t> beside(CMSG_SPACE(count * sizeof(int)) / sizeof(std::uint64_t) + 1);
    char byte = 'x';
    ::iovec slice{&byte, 1};
    ::msghdr m{};
    m.msg_iov = &slice;
    m.msg_iovlen = 1;
    m.msg_control = beside.data();
    m.msg_controllen = CMSG_SPACE(count * sizeof(int));
    ::cmsghdr* const entry = CMSG_FIRSTHDR(&m);
    entry->cmsg_len = CMSG_LEN(count * sizeof(int));
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    std::memcpy(CMSG_DATA(entry), all.data(), count * sizeof(int));
    EXPECT_EQ(::sendmsg(socket, &m, MSG_NOSIGNAL), 1);
}

TEST_P(messages, at_most_sixteen_descriptors_go_with_one) {
    run([]() -> task<> {
        stream_pair pair = co_await unix_pair();
        raw_pipe pipe;
        std::array<handle, 17> many;
        many.fill(pipe.writer.name());
        const auto refused = co_await pair.near.send_with(many, bytes_of("x"));
        EXPECT_TRUE(is_error(refused, std::errc::argument_list_too_long));
        const auto too_many = co_await receive_one(pair.far, 100, 17);
        EXPECT_TRUE(is_error(too_many, std::errc::argument_list_too_long));
        must(co_await pair.near.send_with(std::span(many).first<16>(), bytes_of("x")));
        EXPECT_EQ(must(co_await receive_one(pair.far)).about.descriptors.size(), 16U);
        send_many(pair.near.name().id, pipe.writer.get(), 40);
        const received r = must(co_await receive_one(pair.far));
        EXPECT_EQ(r.about.descriptors.size(), 16U);
        EXPECT_TRUE(r.about.descriptors_lost);
    });
}

TEST_P(messages, what_cannot_be_sent_is_an_error) {
    run([]() -> task<> {
        stream_pair pair = co_await unix_pair();
        stream_pair tcp = co_await connected();
        raw_pipe pipe;
        const std::array<handle, 1> only{pipe.writer.name()};
        const auto empty = co_await pair.near.send_with(only, {});
        EXPECT_TRUE(is_error(empty, std::errc::invalid_argument));
        const auto over_tcp = co_await tcp.near.send_with(only, bytes_of("x"));
        EXPECT_TRUE(is_error(over_tcp, std::errc::invalid_argument));
        const int gone = pipe.writer.get();
        pipe.writer.reset();
        const std::array<handle, 1> closed{handle{gone}};
        const auto bad = co_await pair.near.send_with(closed, bytes_of("x"));
        EXPECT_TRUE(is_error(bad, std::errc::bad_file_descriptor));
        net::stream none;
        const auto unopened = co_await none.send_with(only, bytes_of("x"));
        EXPECT_TRUE(is_error(unopened, std::errc::bad_file_descriptor));
        must(co_await pair.far.close());
        const auto broken = co_await pair.near.send_with({}, bytes_of("x"));
        EXPECT_TRUE(is_error(broken, std::errc::broken_pipe));
    });
}

TEST_P(messages, are_not_received_beside_a_receive) {
    run([]() -> task<> {
        stream_pair pair = co_await unix_pair();
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<received>> waiting;
            spawn(s, keep(receive_one(pair.far), waiting));
            co_await turns(2);
            const auto plain = co_await receive_from(pair.far);
            EXPECT_TRUE(is_error(plain, std::errc::device_or_resource_busy));
            EXPECT_TRUE(is_error(co_await receive_one(pair.far), std::errc::device_or_resource_busy));
            must(co_await pair.far.close());
            co_await s.join();
            EXPECT_TRUE(is_cancelled(*waiting));
        });
        stream_pair other = co_await unix_pair();
        static_cast<void>(co_await cancelled_after(3, receive_from(other.far)));  // which goes on in the background
        EXPECT_TRUE(is_error(co_await receive_one(other.far), std::errc::device_or_resource_busy));
    });
}

}  // namespace
}  // namespace penstock::testing

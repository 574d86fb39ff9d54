#include <penstock/endpoint.hpp>

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <random>

namespace penstock {
namespace {

using namespace std::string_literals;

template <class Address>
endpoint from_kernel(const Address& address, std::size_t size = sizeof(Address)) {
    endpoint e;
    std::memcpy(e.raw(), &address, sizeof address);
    e.set_raw_size(static_cast<std::uint16_t>(size));
    return e;
}

template <class Address>
Address to_kernel(const endpoint& e) {
    Address address{};
    std::memcpy(&address, e.raw(), sizeof address);
    return address;
}

// --- What is accepted ----------------------------------------------------------------------------------

struct accepted_case {
    std::string text;
    address_family family;
    std::uint16_t port;
    std::string canonical;
};

const accepted_case accepted[] = {
    {"127.0.0.1:80", address_family::ipv4, 80, "127.0.0.1:80"},
    {"0.0.0.0:0", address_family::ipv4, 0, "0.0.0.0:0"},
    {"255.255.255.255:65535", address_family::ipv4, 65535, "255.255.255.255:65535"},
    {"[::1]:80", address_family::ipv6, 80, "[::1]:80"},
    {"[::]:0", address_family::ipv6, 0, "[::]:0"},
    {"[2001:DB8:0:0:0:0:0:1]:443", address_family::ipv6, 443, "[2001:db8::1]:443"},
    {"[::ffff:192.0.2.1]:1", address_family::ipv6, 1, "[::ffff:192.0.2.1]:1"},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", address_family::ipv6, 65535,
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {"[fe80::1%2]:80", address_family::ipv6, 80, "[fe80::1%2]:80"},
    {"[fe80::1%4294967295]:80", address_family::ipv6, 80, "[fe80::1%4294967295]:80"},
    {"*:80", address_family::ipv6, 80, "[::]:80"},
    {":80", address_family::ipv6, 80, "[::]:80"},
    {"unix:/run/app.sock", address_family::unix_path, 0, "unix:/run/app.sock"},
    {"unix:/", address_family::unix_path, 0, "unix:/"},
    {"unix:/with space:and colon", address_family::unix_path, 0, "unix:/with space:and colon"},
    {"unix:@name", address_family::unix_path, 0, "unix:@name"},
    {"unix:@/run/app.sock", address_family::unix_path, 0, "unix:@/run/app.sock"},
    {"unix:@zero\0inside"s, address_family::unix_path, 0, "unix:@zero\0inside"s},
    {"unix:/" + std::string(107, 'p'), address_family::unix_path, 0, "unix:/" + std::string(107, 'p')},
    {"unix:@" + std::string(107, 'n'), address_family::unix_path, 0, "unix:@" + std::string(107, 'n')},
};

TEST(endpoint, reads_every_form_and_writes_it_back) {
    for (const accepted_case& c : accepted) {
        SCOPED_TRACE(c.text);
        const auto parsed = endpoint::parse(c.text);
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(parsed->family(), c.family);
        EXPECT_EQ(parsed->port(), c.port);
        EXPECT_EQ(parsed->to_string(), c.canonical);
        const auto again = endpoint::parse(parsed->to_string());
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(*again, *parsed);
        EXPECT_EQ(again->to_string(), c.canonical);
    }
}

TEST(endpoint, numbers_survive_the_round_trip) {
    std::mt19937 random(1);
    for (int i = 0; i < 2000; ++i) {
        ::sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = static_cast<std::uint16_t>(random());
        v4.sin_addr.s_addr = static_cast<std::uint32_t>(random());
        ::sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = static_cast<std::uint16_t>(random());
        v6.sin6_scope_id = random() % 3;
        for (auto& word : v6.sin6_addr.s6_addr16) word = random() % 2 == 0 ? 0 : static_cast<std::uint16_t>(random());
        for (const endpoint& e : {from_kernel(v4), from_kernel(v6)}) {
            const auto again = endpoint::parse(e.to_string());
            ASSERT_TRUE(again) << again.error().message;
            EXPECT_EQ(*again, e) << e.to_string();
        }
    }
}

TEST(endpoint, a_zone_may_be_the_name_of_an_interface) {
    const unsigned number = ::if_nametoindex("lo");
    if (number == 0) GTEST_SKIP() << "there is no interface lo here";
    const auto parsed = endpoint::parse("[fe80::1%lo]:80");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->to_string(), "[fe80::1%" + std::to_string(number) + "]:80");
}

// --- What is refused -----------------------------------------------------------------------------------

struct refused_case {
    std::string text;
    std::string wrong;  ///< part of the message
    std::string right;  ///< another one
};

const refused_case refused[] = {
    {"", "empty", "127.0.0.1:80"},
    {"127.0.0.1", "port is missing", "write 127.0.0.1:80"},
    {"127.0.0.1:", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:65536", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:99999999999999999999", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:-1", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:+1", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:080", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:0x50", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1: 80", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:80 ", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:80\0"s, "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1:http", "from 0 to 65535", "127.0.0.1:80"},
    {"127.0.0.1\0:80"s, "neither * nor a numeric address", "127.0.0.1:80"},
    {" 127.0.0.1:80", "neither * nor a numeric address", "127.0.0.1:80"},
    {"127.1:80", "neither * nor a numeric address", "127.0.0.1:80"},
    {"127.0.0.256:80", "neither * nor a numeric address", "127.0.0.1:80"},
    {"0177.0.0.1:80", "neither * nor a numeric address", "127.0.0.1:80"},
    {"2130706433:80", "neither * nor a numeric address", "127.0.0.1:80"},
    {"**:80", "neither * nor a numeric address", "127.0.0.1:80"},
    {"example.com:80", "names are not looked up here", "127.0.0.1:80"},
    {"localhost:8080", "names are not looked up here", "127.0.0.1:8080 or [::1]:8080"},
    {"LocalHost:x", "names are not looked up here", "127.0.0.1:80 or [::1]:80"},
    {"localhost", "names are not looked up here", "127.0.0.1:80"},
    {"http://127.0.0.1:80", "URL", "127.0.0.1:80"},
    {"8080", "with a colon", ":8080"},
    {"*", "port is missing", "write *:80"},
    {":", "from 0 to 65535", "*:80"},
    {"*:", "from 0 to 65535", "*:80"},
    {":65536", "from 0 to 65535", "*:80"},
    {"::1", "brackets", "[::1]:80"},
    {"::1:80", "brackets", "[::1]:80"},
    {"fe80::1%2:80", "brackets", "[::1]:80"},
    {"[::1", "closing bracket", "[::1]:80"},
    {"[", "closing bracket", "[::1]:80"},
    {"[::1]", "port is missing", "[::1]:80"},
    {"[::1]80", "from 0 to 65535", "[::1]:80"},
    {"[::1]:", "from 0 to 65535", "[::1]:80"},
    {"[::1]]:80", "from 0 to 65535", "[::1]:80"},
    {"[]:80", "not an IPv6 address", "[::1]:80"},
    {"[::g]:80", "not an IPv6 address", "[::1]:80"},
    {"[::1\0]:80"s, "not an IPv6 address", "[::1]:80"},
    {"[[::1]]:80", "not an IPv6 address", "[::1]:80"},
    {"[127.0.0.1]:80", "brackets are for IPv6", "127.0.0.1:80"},
    {"[localhost]:80", "not an IPv6 address", "[::1]:80"},
    {"[fe80::1%]:80", "no network interface", "[fe80::1%2]:80"},
    {"[fe80::1%0]:80", "no network interface", "[fe80::1%2]:80"},
    {"[fe80::1%no such]:80", "no network interface", "[fe80::1%2]:80"},
    {"[fe80::1%4294967296]:80", "no network interface", "[fe80::1%2]:80"},
    {"[fe80::1%lo\0]:80"s, "no network interface", "[fe80::1%2]:80"},
    {"unix:", "path is missing", "unix:/path"},
    {"unix:@", "path is missing", "unix:@name"},
    {"unix:app.sock", "must begin with /", "unix:/run/app.sock"},
    {"unix:/a\0b"s, "zero byte", "unix:/run/app.sock"},
    {"unix:/" + std::string(108, 'p'), "109 bytes and the kernel takes at most 108", "unix:/run/app.sock"},
    {"unix:@" + std::string(5000, 'n'), "5001 bytes and the kernel takes at most 108", "unix:/run/app.sock"},
    {"UNIX:/path", "neither * nor a numeric address", "[::1]:80"},
    {"/run/app.sock", "Unix socket", "unix:/path"},
    {"@name", "Unix socket", "unix:@name"},
};

void expect_printable_line(const std::string& message) {
    EXPECT_LE(message.size(), 300U);
    for (const char c : message) EXPECT_TRUE(c >= 0x20 && c <= 0x7e) << "byte " << static_cast<int>(c);
}

TEST(endpoint, refuses_with_one_line_that_says_what_is_wrong_and_what_is_right) {
    for (const refused_case& c : refused) {
        SCOPED_TRACE(c.text);
        const auto parsed = endpoint::parse(c.text);
        ASSERT_FALSE(parsed) << parsed->to_string();
        EXPECT_TRUE(parsed.error().code);
        const std::string& message = parsed.error().message;
        expect_printable_line(message);
        EXPECT_NE(message.find(c.wrong), message.npos) << message;
        EXPECT_NE(message.find(c.right), message.npos) << message;
        EXPECT_TRUE(message.starts_with("address \"" + c.text.substr(0, c.text.find('\0')).substr(0, 70))) << message;
    }
}

TEST(endpoint, refusals_carry_a_code_for_programs) {
    EXPECT_EQ(endpoint::parse("nonsense").error().code, std::errc::invalid_argument);
    EXPECT_EQ(endpoint::parse("unix:/" + std::string(200, 'x')).error().code, std::errc::filename_too_long);
    EXPECT_EQ(endpoint::parse("[fe80::1%no such]:80").error().code, std::errc::no_such_device);
}

TEST(endpoint, quotes_hostile_input_without_passing_it_on) {
    EXPECT_EQ(endpoint::parse("\x1b[2J\n\"\\\xc3\xa9").error().message.substr(0, 44),
              R"(address "\x1b[2J\x0a\"\\\xc3\xa9": it has no)");
    const std::string long_message = endpoint::parse(std::string(1 << 20, 'a') + ":80").error().message;
    EXPECT_NE(long_message.find("aaa...\""), long_message.npos);
    expect_printable_line(long_message);
}

TEST(endpoint, any_bytes_are_either_read_back_alike_or_refused_in_one_line) {
    const std::string alphabet = "0123456789.:[]%*@/abcfx unix\0\n\xff-+"s;
    std::mt19937 random(2);
    for (int i = 0; i < 20000; ++i) {
        std::string text = accepted[random() % std::size(accepted)].text;
        for (unsigned changes = random() % 4; changes > 0 && !text.empty(); --changes) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
                case 0: text.erase(at, 1 + random() % 3); break;
                case 1: text.insert(at, 1, alphabet[random() % alphabet.size()]); break;
                default: text[at] = alphabet[random() % alphabet.size()];
            }
        }
        const auto parsed = endpoint::parse(text);
        if (!parsed) {
            expect_printable_line(parsed.error().message);
            continue;
        }
        const auto again = endpoint::parse(parsed->to_string());
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(*again, *parsed);
    }
}

// --- The value and the kernel's bytes ------------------------------------------------------------------

TEST(endpoint, is_what_the_kernel_expects) {
    const auto v4 = to_kernel<::sockaddr_in>(*endpoint::parse("1.2.3.4:258"));
    EXPECT_EQ(v4.sin_family, AF_INET);
    EXPECT_EQ(v4.sin_port, htons(258));
    EXPECT_EQ(v4.sin_addr.s_addr, htonl(0x01020304));
    EXPECT_EQ(endpoint::loopback(1).raw_size(), sizeof(::sockaddr_in));

    const endpoint scoped = *endpoint::parse("[fe80::1%7]:258");
    const auto v6 = to_kernel<::sockaddr_in6>(scoped);
    EXPECT_EQ(v6.sin6_family, AF_INET6);
    EXPECT_EQ(v6.sin6_port, htons(258));
    EXPECT_EQ(v6.sin6_scope_id, 7U);
    EXPECT_EQ(scoped.raw_size(), sizeof(::sockaddr_in6));

    const endpoint path = *endpoint::parse("unix:/a");
    EXPECT_EQ(path.raw_size(), offsetof(::sockaddr_un, sun_path) + sizeof "/a");
    EXPECT_STREQ(to_kernel<::sockaddr_un>(path).sun_path, "/a");
    const endpoint abstract = *endpoint::parse("unix:@ab");
    EXPECT_EQ(abstract.raw_size(), offsetof(::sockaddr_un, sun_path) + 3);
    EXPECT_EQ(std::memcmp(to_kernel<::sockaddr_un>(abstract).sun_path, "\0ab", 3), 0);
}

TEST(endpoint, loopbacks_and_ports) {
    EXPECT_EQ(endpoint::loopback(80), endpoint::parse("127.0.0.1:80"));
    EXPECT_EQ(endpoint::loopback6(80), endpoint::parse("[::1]:80"));
    endpoint moved = endpoint::loopback(0);
    moved.set_port(81);
    EXPECT_EQ(moved.to_string(), "127.0.0.1:81");
    moved = endpoint::loopback6(0);
    moved.set_port(82);
    EXPECT_EQ(moved.to_string(), "[::1]:82");
    for (const endpoint& without : {*endpoint::parse("unix:/a"), endpoint()}) {
        endpoint unchanged = without;
        unchanged.set_port(83);
        EXPECT_EQ(unchanged, without);
        EXPECT_EQ(unchanged.port(), 0);
    }
}

TEST(endpoint, paths) {
    EXPECT_EQ(endpoint::parse("unix:/run/app.sock")->path(), "/run/app.sock");
    EXPECT_EQ(endpoint::parse("unix:@name")->path(), "@name");
    EXPECT_EQ(endpoint::parse("127.0.0.1:80")->path(), "");
    EXPECT_EQ(endpoint().path(), "");
}

TEST(endpoint, the_empty_and_the_unnamed_have_their_words) {
    EXPECT_EQ(endpoint().to_string(), "none");
    EXPECT_EQ(endpoint().family(), address_family::none);
    ::sockaddr_un unnamed{};
    unnamed.sun_family = AF_UNIX;
    const endpoint peer = from_kernel(unnamed, sizeof unnamed.sun_family);
    EXPECT_EQ(peer.family(), address_family::unix_path);
    EXPECT_EQ(peer.path(), "");
    EXPECT_EQ(peer.to_string(), "unix:");
}

TEST(endpoint, bytes_it_does_not_know_are_no_address) {
    ::sockaddr_in strange{};
    strange.sin_family = AF_INET;
    EXPECT_EQ(from_kernel(strange, 3).family(), address_family::none) << "cut short";
    EXPECT_EQ(from_kernel(strange, 1).to_string(), "none");
    strange.sin_family = AF_NETLINK;
    EXPECT_EQ(from_kernel(strange).family(), address_family::none);
}

TEST(endpoint, compares_what_names_the_peer_and_nothing_else) {
    const char* const different[] = {
        "127.0.0.1:1", "127.0.0.1:2",          "127.0.0.2:1", "[::1]:1", "[::2]:1", "[::1]:2",  "[::1%1]:1",
        "[::1%2]:1",   "[::ffff:127.0.0.1]:1", "unix:/a",     "unix:/b", "unix:@a", "unix:@/a", "unix:/aa"};
    for (const char* left : different) {
        for (const char* right : different) {
            EXPECT_EQ(*endpoint::parse(left) == *endpoint::parse(right), left == right) << left << " " << right;
        }
    }
    EXPECT_EQ(endpoint(), endpoint());
    EXPECT_NE(endpoint(), endpoint::loopback(0));

    ::sockaddr_in6 with_flow{};
    with_flow.sin6_family = AF_INET6;
    with_flow.sin6_addr = in6addr_loopback;
    with_flow.sin6_flowinfo = 5;
    EXPECT_EQ(from_kernel(with_flow), endpoint::loopback6(0));

    ::sockaddr_un with_padding{};  // as the kernel returns it, or as somebody else filled it in
    with_padding.sun_family = AF_UNIX;
    std::strcpy(with_padding.sun_path, "/a");
    EXPECT_EQ(from_kernel(with_padding), endpoint::parse("unix:/a"));
}

}  // namespace
}  // namespace penstock

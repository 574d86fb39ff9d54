// What holds for every kind; each family's calls have their own test beside them.
#include "op/call.hpp"

#include "support/descriptor.hpp"
#include <penstock/capabilities.hpp>

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace penstock::detail {
namespace {

using testing::nothing;

const std::atomic<std::uint32_t> a_word{0};

std::vector<std::shared_ptr<operation>> one_of_each_kind(handle h) {
    std::vector<std::shared_ptr<operation>> all;
    const auto add = [&all](auto op) { all.push_back(std::move(op)); };
    add(std::make_shared<nop_op>());
    add(std::make_shared<socket_op>(address_family::ipv4, socket_type::stream));
    add(std::make_shared<bind_op>(h, endpoint::loopback(0)));
    add(std::make_shared<listen_op>(h, 1));
    add(std::make_shared<accept_op>(h, 1));
    add(std::make_shared<connect_op>(h, endpoint::loopback(0)));
    add(std::make_shared<receive_op>(h));
    add(std::make_shared<send_op>(h, nullptr, 0));
    add(std::make_shared<shutdown_op>(h, shutdown_side::both));
    add(std::make_shared<name_op>(h, false));
    add(std::make_shared<option_op>(h, socket_option::keep_alive, 1, true));
    add(std::make_shared<open_op>("", open_request{}));
    add(std::make_shared<read_at_op>(h, nullptr, 0, 0));
    add(std::make_shared<write_at_op>(h, nullptr, 0, 0));
    add(std::make_shared<sync_op>(h, false));
    add(std::make_shared<status_op>(h));
    add(std::make_shared<read_op>(h));
    add(std::make_shared<write_op>(h, nullptr, 0));
    add(std::make_shared<splice_op>(h, h, 1, true));
    add(std::make_shared<close_op>(h));
    add(std::make_shared<adopt_op>(h.id));
    add(std::make_shared<pipe_op>());
    add(std::make_shared<signals_op>(0));
    add(std::make_shared<truncate_op>(h, 0));
    add(std::make_shared<allocate_op>(h, 0, 1, allocation::extend));
    add(std::make_shared<sync_range_op>(h, 0, 0, false));
    add(std::make_shared<advise_op>(h, 0, 0, file_advice::normal));
    add(std::make_shared<advise_memory_op>(nullptr, 0, memory_advice::normal));
    add(std::make_shared<rename_op>(h, "", h, "", rename_rule::replace));
    add(std::make_shared<unlink_op>(h, "", false));
    add(std::make_shared<make_directory_op>(h, "", 0));
    add(std::make_shared<symlink_op>("", h, ""));
    add(std::make_shared<link_op>(h, "", h, ""));
    add(std::make_shared<poll_op>(h, true));
    add(std::make_shared<tee_op>(h, h, 1));
    add(std::make_shared<futex_wait_op>(a_word, 1, futex_reach::process));
    add(std::make_shared<futex_wake_op>(a_word, 1, futex_reach::process));
    add(std::make_shared<loop_message_op>(nullptr, loop_message{}));
    add(std::make_shared<send_message_op>(h, nullptr, 0));
    add(std::make_shared<receive_message_op>(h, nullptr, 0));
    add(std::make_shared<tick_op>(duration(1)));
    add(std::make_shared<install_op>(h));
    return all;
}

TEST(call, every_kind_has_a_name_of_its_own) {
    std::set<std::string_view> names;
    for (const auto& op : one_of_each_kind(nothing)) names.insert(to_string(op->kind));
    EXPECT_EQ(names.size(), op_kind_count);
    EXPECT_FALSE(names.contains("?"));
}

TEST(call, capabilities_have_words) {
    EXPECT_EQ(to_string(support::native), "native");
    EXPECT_EQ(to_string(support::emulated), "emulated");
    EXPECT_EQ(to_string(support::offloaded), "offloaded");
    EXPECT_EQ(to_string(support::unsupported), "unsupported");
    EXPECT_EQ(to_string(cancellation::prompt), "prompt");
    EXPECT_EQ(to_string(cancellation::at_completion), "at completion");
}

TEST(call, a_handle_is_waited_for_exactly_by_the_kinds_that_wait_for_readiness) {
    const handle h{7};
    std::set<op_kind> waiting;
    for (const auto& op : one_of_each_kind(h)) {
        const wait_side side = waits_on(*op);
        const bool ready_decides = side == wait_side::read || side == wait_side::write;
        EXPECT_EQ(wait_handle(*op).valid(), ready_decides) << to_string(op->kind);
        if (ready_decides) waiting.insert(op->kind);
    }
    EXPECT_EQ(waiting, (std::set<op_kind>{op_kind::accept, op_kind::receive, op_kind::read, op_kind::connect,
                                          op_kind::send, op_kind::write, op_kind::splice, op_kind::poll,
                                          op_kind::send_message, op_kind::receive_message}));
}

TEST(call, a_splice_waits_for_the_end_that_it_names) {
    const handle from{3};
    const handle to{4};
    const splice_op filling(from, to, 1, true);
    EXPECT_EQ(waits_on(filling), wait_side::read);
    EXPECT_EQ(wait_handle(filling), from);
    const splice_op draining(from, to, 1, false);
    EXPECT_EQ(waits_on(draining), wait_side::write);
    EXPECT_EQ(wait_handle(draining), to);
}

TEST(call, a_handle_that_names_nothing_is_a_bad_descriptor_to_every_kind) {
    io_slice slice(std::string_view("x"));
    for (const call_mode mode : {call_mode::no_wait, call_mode::blocking}) {
        for (const auto& op : one_of_each_kind(nothing)) {
            switch (op->kind) {
                case op_kind::nop:
                case op_kind::futex_wait:
                case op_kind::futex_wake:
                case op_kind::advise_memory: EXPECT_EQ(call(*op, mode), 0); break;
                case op_kind::rename:
                case op_kind::unlink:
                case op_kind::make_directory:
                case op_kind::symlink:
                case op_kind::link:
                    EXPECT_EQ(call(*op, mode), -ENOENT) << "relative to the working directory, and without a name";
                    break;
                case op_kind::socket:
                case op_kind::open:
                case op_kind::pipe:
                case op_kind::signals: break;  // they make their handle
                case op_kind::tick: EXPECT_EQ(call(*op, mode), -EOPNOTSUPP) << "the loop's timers do"; break;
                case op_kind::receive:
                case op_kind::read:
                    EXPECT_EQ(call(*op, mode), -EOPNOTSUPP) << "its buffer is the backend's business";
                    EXPECT_EQ(call_receive(as<receive_op>(*op), &slice, 1, mode), -EBADF);
                    break;
                case op_kind::send:
                case op_kind::write:
                    EXPECT_EQ(call(*op, mode), 0) << "there was nothing to send";
                    as<send_op>(*op).slices = &slice;
                    as<send_op>(*op).count = 1;
                    [[fallthrough]];
                case op_kind::bind:
                case op_kind::listen:
                case op_kind::accept:
                case op_kind::connect:
                case op_kind::shutdown:
                case op_kind::name:
                case op_kind::option:
                case op_kind::read_at:
                case op_kind::write_at:
                case op_kind::sync:
                case op_kind::status:
                case op_kind::splice:
                case op_kind::truncate:
                case op_kind::allocate:
                case op_kind::sync_range:
                case op_kind::advise:
                case op_kind::poll:
                case op_kind::tee:
                case op_kind::install:
                case op_kind::loop_message:
                case op_kind::send_message:
                case op_kind::receive_message:
                case op_kind::close:
                case op_kind::adopt: EXPECT_EQ(call(*op, mode), -EBADF) << to_string(op->kind);
            }
        }
    }
}

}  // namespace
}  // namespace penstock::detail

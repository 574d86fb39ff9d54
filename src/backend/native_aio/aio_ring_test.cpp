// The kernel's instance and its ring, without a backend around it.
#include "backend/native_aio/aio_ring.hpp"

#include "backend/native_aio/aio_batch.hpp"
#include "backend/native_aio/slot_supply.hpp"
#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <vector>

namespace penstock::detail {
namespace {

TEST(slot_supply, a_loop_takes_at_most_an_equal_share_of_what_is_left) {
    EXPECT_EQ(fair_share(16384, slot_supply{0, 65536}, 2), 8192U);
    EXPECT_EQ(fair_share(16384, slot_supply{0, 1048576}, 2), 16384U);
    EXPECT_EQ(fair_share(16384, slot_supply{0, 65536}, 64), 1024U);
    EXPECT_EQ(fair_share(16384, slot_supply{61536, 65536}, 2), 500U);
    EXPECT_EQ(fair_share(64, slot_supply{0, 65536}, 2), 64U);
}

TEST(slot_supply, the_share_is_never_below_what_is_worth_having) {
    EXPECT_EQ(fair_share(16384, slot_supply{65536, 65536}, 2), fewest_slots);
    EXPECT_EQ(fair_share(16384, slot_supply{70000, 65536}, 0), fewest_slots);
    EXPECT_EQ(fair_share(16384, std::nullopt, 2), 16384U);
}

TEST(slot_supply, without_slots_the_error_names_the_limit_its_figures_and_the_remedy) {
    const setup_error error = no_slots_left(slot_supply{65400, 65536});
    EXPECT_EQ(error.code, std::errc::resource_unavailable_try_again);
    EXPECT_NE(error.message.find("65400 of 65536"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("fs.aio-max-nr"), std::string::npos) << error.message;
}

class aio_ring_test : public ::testing::TestWithParam<bool> {
  protected:
    aio_ring_test() {
        if (!GetParam()) ring.stop_reading_in_user_space();
    }

    static ::iocb poll(int fd, std::uint64_t data) {
        ::iocb block{};
        block.aio_data = data;
        block.aio_lio_opcode = IOCB_CMD_POLL;
        block.aio_fildes = static_cast<std::uint32_t>(fd);
        block.aio_buf = POLLIN;
        return block;
    }

    std::vector<std::uint64_t> reap() {
        std::vector<std::uint64_t> came;
        ring.reap([&](const ::io_event& event) { came.push_back(event.data); });
        return came;
    }

    aio_ring ring = aio_ring::create(64).value();
    unique_fd ready{::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};
    unique_fd never_ready{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

TEST_P(aio_ring_test, more_than_exists_is_not_asked_for) {
    const auto greedy = aio_ring::create(1U << 31);
    ASSERT_TRUE(greedy.has_value()) << greedy.error().message;
    EXPECT_GE(greedy->slots(), 8U);
}

TEST_P(aio_ring_test, completions_are_delivered_once_and_in_order_through_many_laps) {
    EXPECT_EQ(ring.reads_in_user_space(), GetParam());
    std::uint64_t next = 0;
    std::uint64_t expected = 0;
    for (int lap = 0; lap < 500; ++lap) {
        std::vector<::iocb> blocks;
        for (int i = 0; i < 37; ++i) blocks.push_back(poll(ready.get(), next++));
        std::vector<::iocb*> addresses;
        for (::iocb& block : blocks) addresses.push_back(&block);
        ASSERT_EQ(ring.submit(addresses.data(), 37), 37);
        for (const std::uint64_t data : reap()) ASSERT_EQ(data, expected++);
    }
    for (const std::uint64_t data : reap()) ASSERT_EQ(data, expected++);
    EXPECT_EQ(expected, next);
    EXPECT_TRUE(reap().empty());
}

TEST_P(aio_ring_test, a_wait_ends_at_its_limit_or_with_an_event) {
    const auto nothing = [](const ::io_event&) { FAIL(); };
    const ::timespec limit{.tv_sec = 0, .tv_nsec = 20'000'000};
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(ring.wait(&limit, nothing), 0U);
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(20));

    ::iocb block = poll(ready.get(), 7);
    ::iocb* address = &block;
    ASSERT_EQ(ring.submit(&address, 1), 1);
    std::uint64_t came = 0;
    EXPECT_EQ(ring.wait(nullptr, [&](const ::io_event& event) { came = event.data; }), 1U);
    EXPECT_EQ(came, 7U);
    EXPECT_TRUE(reap().empty());
}

TEST_P(aio_ring_test, a_cancelled_poll_still_completes_with_result_0) {
    ::iocb block = poll(never_ready.get(), 3);
    ::iocb* address = &block;
    ASSERT_EQ(ring.submit(&address, 1), 1);
    EXPECT_TRUE(reap().empty());
    ring.cancel(block);
    std::int64_t result = -1;
    EXPECT_EQ(ring.wait(nullptr, [&](const ::io_event& event) { result = event.res; }), 1U);
    EXPECT_EQ(result, 0);
}

TEST_P(aio_ring_test, an_error_in_a_batch_stops_before_its_block_and_the_rest_can_go_on) {
    aio_batch batch(16);
    std::array<::iocb, 3> lasting{poll(ready.get(), 0), poll(-1, 1), poll(ready.get(), 2)};
    for (::iocb& block : lasting) batch.append(block);
    EXPECT_EQ(batch.submit(ring), -EBADF);
    EXPECT_EQ(&batch.take_first(), &lasting[1]);
    EXPECT_EQ(batch.submit(ring), 0);
    EXPECT_TRUE(batch.empty());
    EXPECT_EQ(reap(), (std::vector<std::uint64_t>{0, 2}));
}

TEST_P(aio_ring_test, without_free_slots_the_rest_of_a_batch_stays_and_goes_later) {
    aio_batch batch(4096);
    std::vector<::iocb> lasting(4000, poll(never_ready.get(), 1));
    for (::iocb& block : lasting) batch.append(block);
    ASSERT_EQ(batch.submit(ring), -EAGAIN) << "the kernel has more slots than this test expects";
    EXPECT_GT(batch.size(), 0U);
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(never_ready.get(), &one, sizeof one), static_cast<::ssize_t>(sizeof one));
    std::size_t came = 0;
    for (int i = 0; i < 10'000 && came < lasting.size(); ++i) {
        came += reap().size();
        const std::int32_t r = batch.submit(ring);
        ASSERT_TRUE(r == 0 || r == -EAGAIN) << r;
    }
    EXPECT_EQ(came, lasting.size());
}

INSTANTIATE_TEST_SUITE_P(reaping, aio_ring_test, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "in_user_space" : "by_call"; });

TEST(aio_batch, what_was_not_taken_keeps_its_contents_and_order_when_the_batch_is_reused) {
    auto ring = aio_ring::create(64).value();
    aio_batch batch(8);
    std::array<::iocb, 2> lasting{};
    std::uint64_t next = 0;
    std::uint64_t expected = 0;
    for (int lap = 0; lap < 50; ++lap) {
        while (!batch.full()) {
            if (next % 5 == 4) {
                ::iocb& block = lasting[next / 5 % 2];
                block.aio_data = next++;
                block.aio_fildes = static_cast<std::uint32_t>(-1);
                batch.append(block);
                continue;
            }
            ::iocb& block = batch.append();
            EXPECT_EQ(block.aio_data, 0U);
            block.aio_data = next++;
            block.aio_fildes = static_cast<std::uint32_t>(-1);
        }
        for (int i = 0; i < 3; ++i) {
            ASSERT_EQ(batch.submit(ring), -EBADF);
            ASSERT_EQ(batch.take_first().aio_data, expected++);
        }
    }
    EXPECT_EQ(next - expected, batch.size());
}

TEST(aio_batch, a_lasting_block_can_be_taken_out_until_the_kernel_has_it) {
    auto ring = aio_ring::create(64).value();
    const unique_fd silent(::eventfd(0, EFD_CLOEXEC));
    aio_batch batch(8);
    std::array<::iocb, 3> lasting{};
    for (::iocb& block : lasting) {
        block.aio_lio_opcode = IOCB_CMD_POLL;
        block.aio_fildes = static_cast<std::uint32_t>(silent.get());
        block.aio_buf = POLLIN;
        batch.append(block);
    }
    EXPECT_TRUE(batch.remove(lasting[1]));
    EXPECT_FALSE(batch.remove(lasting[1]));
    EXPECT_EQ(batch.size(), 2U);
    EXPECT_EQ(batch.submit(ring), 0);
    EXPECT_FALSE(batch.remove(lasting[0]));
}

}  // namespace
}  // namespace penstock::detail

#pragma once

#include "../support/latency_histogram.hpp"
#include "answer_reader.hpp"
#include "pace.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct http_plan {
    sockaddr_in server{};
    std::string authority;  // for Host
    std::string target = "/";
    std::size_t connections = 0;
    double warm_up = 0;  // seconds of load that are not counted
    double seconds = 0;
    double rate = 0;       // of all connections together, requests per second; 0: each as fast as it is answered
    std::size_t body = 0;  // bytes of each request; 0: GET
    bool close = false;    // a connection carries one request
};

// Requests from one thread. At most one is under way on a connection; one that finds all of them busy waits for one,
// and its time counts. Every answer must be 2xx and as long as the first.
class http_load {
  public:
    explicit http_load(const http_plan& wanted);

    // Opens all connections, each of which has then exchanged a request; ends the program if that fails. Those that
    // carry one request are opened later: then one is exchanged in all.
    void prepare();

    // Calls `warm` when what counts begins, if there is a warm-up.
    void run(const std::function<void()>& warm);

    // One line of JSON.
    void report() const;

    [[nodiscard]] bool clean() const { return errors_ == 0; }

  private:
    using clock = pace::clock;

    struct connection {
        int descriptor = -1;
        std::size_t sent = 0;  // of the request
        bool under_way = false;
        bool answered = false;
        answer_reader answer;
        clock::time_point intended;
    };

    void exchange_one(connection& peer);
    void watch(std::size_t index);
    void start_due();
    void start(std::size_t index, clock::time_point intended);
    bool open(std::size_t index);
    bool send_rest(connection& peer);
    [[nodiscard]] int wait(std::span<epoll_event> events) const;
    void turn();
    void end_warm_up();
    void receive(std::size_t index);
    bool take(connection& peer, std::string_view piece);
    void finish(std::size_t index);
    static void close(connection& peer);
    void give_up(std::size_t index);

    http_plan plan_;
    pace pace_;
    std::string head_;
    std::vector<char> body_;
    std::vector<char> buffer_;
    int epoll_;
    std::vector<connection> connections_;
    std::deque<std::size_t> free_;
    std::size_t under_way_ = 0;
    std::uint64_t expected_length_ = 0;
    bool stuck_ = false;

    std::uint64_t completed_ = 0;
    std::uint64_t errors_ = 0;
    latency_histogram latencies_;
    clock::time_point started_;
    clock::time_point finished_;
};

}  // namespace bench

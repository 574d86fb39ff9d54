#include "contenders/accept/stage.hpp"

#include "support/sockets.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <thread>

namespace iobench {

namespace {

int listen_beside(const sockaddr_in& at) {
    const int made = bench::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const int on = 1;
    bench::check(::setsockopt(made, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
    bench::check(::bind(made, reinterpret_cast<const sockaddr*>(&at), sizeof at), "bind");
    bench::check(::listen(made, SOMAXCONN), "listen");
    return made;
}

/// A descriptor for each worker.
std::vector<int> listen_all(listening how) {
    const int first = listen_beside(*bench::parse_address("127.0.0.1:0"));
    const sockaddr_in at = *bench::parse_address(bench::local_address(first));
    std::vector<int> all = {first};
    while (all.size() < accept_workers) {
        all.push_back(how == listening::reuse_port ? listen_beside(at) : bench::check(::dup(first), "dup"));
    }
    return all;
}

int serve(std::span<const std::string> arguments) {
    const auto servers = accept_servers();
    const auto chosen = std::ranges::find_if(servers, [&](const accept_server& one) {
        return arguments.size() == 1 && one.who.name == arguments[0] && one.who.unavailable.empty();
    });
    if (chosen == servers.end()) {
        std::fputs("accept-server: no such server here\n", stderr);
        return 2;
    }
    bench::raise_descriptor_limit();
    accept_stage stage;
    const std::vector<int> listeners = listen_all(chosen->how);
    for (std::size_t i = 0; i < accept_workers; ++i) {
        std::thread([&, i] { chosen->work(stage, i, listeners[i]); }).detach();
    }
    std::printf("listening on %s\n", bench::local_address(listeners[0]).c_str());
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
        if (line.starts_with("stall ")) stage.stall(std::chrono::milliseconds(std::stol(line.substr(6))));
        std::printf("%s\n", stage.counts().c_str());
        std::fflush(stdout);
    }
    ::_exit(0);  // the workers don't end
}

}  // namespace

void accept_stage::took(std::size_t worker) {
    workers_[worker].taken.fetch_add(1, std::memory_order_relaxed);
    if (stall_ms_.load(std::memory_order_relaxed) == 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(stall_ms_.exchange(0)));
}

std::string accept_stage::counts() const {
    std::string text;
    for (const counter& one : workers_) text += (text.empty() ? "[" : ", ") + std::to_string(one.taken.load());
    return text + "]";
}

std::vector<accept_server> accept_servers() {
    std::vector<accept_server> all = penstock_accept_servers();
    for (accept_server& one : bare_accept_servers()) all.push_back(std::move(one));
    return all;
}

role accept_server_role() { return {"accept-server", serve}; }

}  // namespace iobench

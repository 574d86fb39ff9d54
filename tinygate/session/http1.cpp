#include "session/http1.hpp"

#include "session/exchange.hpp"
#include <penstock/loop.hpp>
#include <penstock/timeout.hpp>

#include <utility>

namespace tinygate {

using namespace penstock;

namespace {

/// Gives a workspace back.
class borrowed {
  public:
    explicit borrowed(worker& gate) : gate_(gate), space_(gate.borrow_workspace()) {}
    ~borrowed() { gate_.return_workspace(std::move(space_)); }
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    workspace& operator*() const noexcept { return *space_; }

  private:
    worker& gate_;
    std::unique_ptr<workspace> space_;
};

/// A close with unread input would reset the connection, and the client might never see the answer that it got.
task<> linger(worker& gate, net::stream& client) {
    const auto told = co_await client.shutdown_send();
    if (!told) co_return;
    const timeouts& t = gate.settings.timeouts;
    time_limit limit(gate.clock, co_await detail::this_cancellation{}, gate.ending ? t.idle_grace : t.linger);
    co_await detail::run_under{&limit.cancellation()};
    for (;;) {
        const auto piece = co_await client.receive();
        if (!piece || piece->empty()) break;
    }
}

/// Answers a request that was not understood, or did not come in time.
task<> answer_bad_request(worker& gate, net::stream& client, workspace& memory, std::uint16_t status,
                          std::string_view why) {
    if (gate.log.enabled()) {
        access_entry entry;  // there is no more to tell of a head that was not understood
        entry.client = gate.client_of(client).address();
        entry.failure = why;
        entry.status = status;
        entry.began = entry.ended = current_loop->now();
        gate.log.add(entry);
    }
    const std::string_view answer = write_answer(memory, status, why, false, true);
    static_cast<void>(co_await with_timeout(gate.settings.timeouts.idle_grace, client.send(answer)));
    co_await linger(gate, client);
}

void remember_for_log(workspace& memory, std::string_view bytes) {
    const http::request_head& head = memory.request.head();
    memory.method.assign(http::text(bytes, head.method_text));
    memory.host.assign(http::text(bytes, head.host));
    memory.target.assign(http::text(bytes, head.target));
}

void log_exchange(worker& gate, const net::stream& client, const workspace& memory, const exchange& done,
                  time_point began) {
    gate.log.add({.client = gate.client_of(client).address(),
                  .method = memory.method,
                  .target = memory.target,
                  .host = memory.host,
                  .upstream = done.upstream(),
                  .failure = done.failure(),
                  .status = done.status(),
                  .received = done.received(),
                  .sent = done.sent(),
                  .began = began,
                  .ended = current_loop->now()});
}

/// How the wait for a request's head ended.
enum class arrival : std::uint8_t { complete, refused, late, gone };

}  // namespace

task<net::after> serve_http1(worker& gate, net::stream& client) {
    detail::cancel_state* const surroundings = co_await detail::this_cancellation{};
    if (client.first_use()) co_await gate.meet(client);
    const borrowed space(gate);
    workspace& memory = *space;
    input from_client;
    do {
        // When the end has begun, a client that was promised another answer before that may still ask for it.
        const bool in_grace = gate.ending && from_client.empty() && !client.has_input();
        time_limit limit(gate.clock, surroundings,
                         in_grace ? gate.settings.timeouts.idle_grace : gate.settings.timeouts.head);
        co_await detail::run_under{&limit.cancellation()};
        memory.request.reset();
        arrival head = arrival::gone;
        for (;;) {
            const auto state = memory.request.parse(from_client.view());
            if (state != http::progress::incomplete) {
                head = state == http::progress::complete ? arrival::complete : arrival::refused;
                break;
            }
            auto piece = co_await client.receive();
            if (!piece || piece->empty()) {
                if (limit.passed() && !from_client.empty()) head = arrival::late;
                break;
            }
            if (from_client.empty()) limit.expect(gate.settings.timeouts.head);
            from_client.put(std::move(*piece));
        }
        verdict outcome = verdict::close;
        if (head == arrival::complete) {
            const bool logs = gate.log.enabled();
            const time_point began = logs ? current_loop->now() : time_point{};
            if (logs) remember_for_log(memory, from_client.view());
            exchange one(gate, client, from_client, memory, limit);
            outcome = co_await one.run();
            if (logs) log_exchange(gate, client, memory, one, began);
        }
        co_await detail::run_under{surroundings};
        if (head == arrival::refused) {
            const http::failure why = memory.request.failure();
            co_await answer_bad_request(gate, client, memory, why.status, why.what);
        } else if (head == arrival::late) {
            co_await answer_bad_request(gate, client, memory, 408, "the request took too long to come");
        } else if (outcome == verdict::linger) {
            co_await linger(gate, client);
        }
        if (outcome != verdict::next) co_return net::after::close;
    } while (!from_client.empty() || client.has_input() || gate.ending);
    co_return net::after::idle;
}

}  // namespace tinygate

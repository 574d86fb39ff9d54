// The lines of one worker: which of them a request joins, and when there is another.
#pragma once

#include "upstream/line.hpp"
#include "upstream/long_answers.hpp"
#include "upstream/pool.hpp"
#include <penstock/loop.hpp>
#include <penstock/scope.hpp>
#include <penstock/task.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tinygate {

/// At most bounds::pipelines lines to each upstream, with at most bounds::pipeline_depth requests in each. A request
/// that finds no room goes alone, and so do those behind a response that does not come: nobody waits for a stranger's
/// slow request for longer than two looks.
class lines {
  public:
    lines(upstream_pool& pool, const bounds& most);
    ~lines();
    lines(const lines&) = delete;
    lines& operator=(const lines&) = delete;

    /// From now on lines may be opened; each needs a task in `background`. Null: no longer.
    void open_in(penstock::scope* background) noexcept { background_ = background; }
    bool wanted() const noexcept { return most_.pipelines != 0; }
    /// Who was answered at length goes alone the next time.
    long_answers& answers() noexcept { return answers_; }

    /// How a request came by a line.
    enum class joined : std::uint8_t { yes, no, if_opened };
    /// Puts a request into a line to the upstream whose turn it is. \return if_opened: there may be another line to it,
    /// which open() makes.
    joined join(place& p, std::string_view request);
    /// Opens a line to the upstream that join() meant and puts the request into it. \return yes, or no.
    penstock::task<joined> open(place& p, std::string_view request);

  private:
    static constexpr penstock::duration look_every = std::chrono::milliseconds(250);

    struct of_peer {
        penstock::detail::list<line> open;
        std::size_t count = 0;  // those being opened included
    };
    struct own_timer : penstock::detail::timer_node {
        lines* self = nullptr;
    };

    of_peer& at(const peer& p) noexcept { return peers_[pool_.index_of(p)]; }
    penstock::task<> carry(std::unique_ptr<line> one);
    void look() noexcept;

    upstream_pool& pool_;
    const bounds& most_;
    std::vector<of_peer> peers_;
    peer* turn_ = nullptr;  // of join()
    penstock::scope* background_ = nullptr;
    long_answers answers_;
    own_timer looker_;
};

}  // namespace tinygate

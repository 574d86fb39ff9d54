#include "base/worker_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <thread>

namespace penstock::detail {

struct worker_pool::shared_state {
    shared_state(unsigned threads, std::size_t queued) : most_threads(threads), most_queued(queued) {
        running.reserve(threads);
    }

    const unsigned most_threads;
    const std::size_t most_queued;
    mutable std::mutex mutex;
    std::condition_variable work_there;
    std::condition_variable thread_ended;
    list<job> waiting;
    std::size_t waiting_count = 0;
    std::vector<const char*> running;  // per thread that was ever started: the name of its job, or null
    unsigned idle = 0;
    unsigned alive = 0;
    std::size_t high_water = 0;
    std::uint64_t refused = 0;
    bool stopping = false;
};

worker_pool::worker_pool(unsigned most_threads, std::size_t most_queued)
    : state_(std::make_shared<shared_state>(std::max(most_threads, 1U), most_queued)) {}

worker_pool::~worker_pool() {
    if (!joined_) join(std::chrono::seconds(10));
}

bool worker_pool::submit(job& work) noexcept {
    const std::scoped_lock lock(state_->mutex);
    if (state_->stopping || state_->waiting_count >= state_->most_queued + state_->idle) {
        ++state_->refused;
        return false;
    }
    const bool need_thread = state_->waiting_count >= state_->idle && state_->alive < state_->most_threads;
    if (need_thread && !start_thread() && state_->alive == 0) {
        ++state_->refused;
        return false;
    }
    state_->waiting.push_back(work);
    state_->high_water = std::max(state_->high_water, ++state_->waiting_count);
    state_->work_there.notify_one();
    return true;
}

bool worker_pool::withdraw(job& work) noexcept {
    const std::scoped_lock lock(state_->mutex);
    if (!work.linked()) return false;
    work.unlink();
    --state_->waiting_count;
    return true;
}

// Called with the lock held.
bool worker_pool::start_thread() noexcept {
    // Signals belong to the program's own threads, so workers are born with all of them blocked.
    ::sigset_t all;
    ::sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const std::size_t slot = state_->running.size();
    try {
        state_->running.push_back(nullptr);
        std::thread(work, state_, slot).detach();
        ++state_->alive;
    } catch (const std::exception&) {  // no thread, no memory: those that exist do the work
        state_->running.resize(slot);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return state_->running.size() > slot;
}

void worker_pool::work(std::shared_ptr<shared_state> state, std::size_t slot) {
    std::unique_lock lock(state->mutex);
    for (;;) {
        ++state->idle;
        state->work_there.wait(lock, [&] { return state->stopping || !state->waiting.empty(); });
        --state->idle;
        if (state->waiting.empty()) break;
        job* const next = state->waiting.pop_front();
        --state->waiting_count;
        state->running[slot] = next->name;
        lock.unlock();
        next->run(*next);
        lock.lock();
        state->running[slot] = nullptr;
    }
    --state->alive;
    state->thread_ended.notify_all();
}

std::vector<std::string> worker_pool::join(duration limit) {
    joined_ = true;
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->work_there.notify_all();
    state_->thread_ended.wait_until(lock, later(clock::now(), limit), [&] { return state_->alive == 0; });
    std::vector<std::string> hanging;
    for (const char* name : state_->running) {
        if (name != nullptr) hanging.emplace_back(name);
    }
    for (const std::string& name : hanging) {
        std::fprintf(stderr, "penstock: abandoning a job that does not end: %s\n", name.c_str());
    }
    // An abandoned thread that comes back after all must not touch them: their owners are gone by then.
    while (const job* const never_begun = state_->waiting.pop_front()) {
        std::fprintf(stderr, "penstock: dropping a job that waited behind it: %s\n", never_begun->name);
    }
    state_->waiting_count = 0;
    return hanging;
}

std::size_t worker_pool::most_queued() const noexcept { return state_->most_queued; }

worker_statistics worker_pool::statistics() const noexcept {
    const std::scoped_lock lock(state_->mutex);
    return {.threads = state_->alive,
            .busy = state_->alive - state_->idle,
            .queued = state_->waiting_count,
            .most_queued = state_->high_water,
            .refused = state_->refused};
}

}  // namespace penstock::detail

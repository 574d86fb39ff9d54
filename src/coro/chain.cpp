#include <penstock/chain.hpp>

#include "base/check.hpp"
#include "runtime/loop_core.hpp"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>
#include <variant>

namespace penstock {
namespace detail {

/// The steps, and a run of them: first handed to the backend as a whole, and what that has not done, step by step.
class chain_state {
  public:
    explicit chain_state(std::size_t most) noexcept : most_(most) {
        timer_.self = this;
        timer_.fire = [](timer_node& t) noexcept { static_cast<limit_timer&>(t).self->expire(); };
        cancel_.self = this;
        cancel_.fire = [](cancel_node& n) noexcept { static_cast<cancel_link&>(n).self->cancel(); };
    }

    /// A step that works on what the step number `opener` opens, or if that is negative on what its operation names.
    template <class Op, class... Args>
    chain_step add(std::int32_t opener, Args&&... args);
    template <class Op, class... Rest>
    chain_step add_transfer(std::int32_t opener, handle plain, io_slice slice, Rest... rest);
    const char* keep(std::string path) { return paths_.emplace_back(std::move(path)).c_str(); }

    /// \return false if the run has ended already.
    bool begin(std::coroutine_handle<> waiter, cancel_state* surroundings) noexcept;

    std::size_t size() const noexcept { return steps_.size(); }
    linked_operation& link(std::uint32_t index) noexcept { return steps_[index]; }
    bool keeps(std::uint32_t opener) const noexcept {
        return std::ranges::any_of(
            steps_, [&](const step& s) { return s.op->kind == op_kind::install && s.opener == &steps_[opener]; });
    }
    owned_handle take(std::uint32_t index) noexcept { return std::move(steps_[index].kept); }
    std::int64_t outcome(std::uint32_t index) const noexcept { return steps_[index].outcome_of_run; }
    bool complete() const noexcept;
    chain_outcome outcome() const noexcept { return chain_outcome(*this); }

  private:
    template <class Op>
    struct owned : Op {
        template <class... Args>
        explicit owned(chain_state& of, Args&&... args) noexcept : Op(std::forward<Args>(args)...), state(of) {
            this->run = [](ready_item& item) noexcept {
                auto& self = static_cast<owned&>(static_cast<operation&>(item));
                self.ready = false;
                self.state.on_ended();
            };
        }
        chain_state& state;
    };
    struct step : linked_operation {
        std::variant<std::monostate, owned<open_op>, owned<socket_op>, owned<connect_op>, owned<read_at_op>,
                     owned<write_at_op>, owned<sync_op>, owned<send_op>, owned<shutdown_op>, owned<install_op>,
                     owned<close_op>>
            what;
        io_slice slice;
        std::size_t wanted = 0;  // bytes that it is to transfer
        handle opened;           // by it, until that is closed
        bool is_kept = false;    // under the same number, so it is not the chain's to close
        owned_handle kept;       // by it, until somebody takes it
        std::int64_t outcome_of_run = -ECANCELED;
    };
    struct limit_timer : timer_node {
        chain_state* self = nullptr;
    };
    struct cancel_link : cancel_node {
        chain_state* self = nullptr;
    };

    void reset() noexcept;
    bool hand_over() noexcept;
    void on_ended() noexcept;
    void judge() noexcept;
    static bool was_let_go(const step& s) noexcept;
    void conclude(step& s) noexcept;
    static void note_kept(step& s, handle kept) noexcept;
    static bool may_close(const step& s) noexcept;
    bool advance() noexcept;
    bool close_what_is_open() noexcept;
    bool start(step& s) noexcept;
    void cancel() noexcept;
    void cancel_what_is_under_way() noexcept;
    void expire() noexcept;
    void finish() noexcept;

    std::size_t most_;
    std::deque<step> steps_;
    std::deque<std::string> paths_;
    // Of a run:
    std::coroutine_handle<> waiter_;
    cancel_link cancel_;
    limit_timer timer_;
    std::optional<owned<close_op>> closing_;  // what no step has closed
    std::size_t position_ = 0;                // the first step that has no outcome yet
    std::size_t under_way_ = 0;               // of those that were handed over
    bool running_ = false;
    bool whole_ = false;
    bool severed_ = false;
    bool cancelled_ = false;
    bool expired_ = false;
};

namespace {

/// As it was before any run.
void make_new(operation& op) noexcept {
    op.result = 0;
    if (op.kind != op_kind::send) return;
    auto& sending = static_cast<send_op&>(op);
    sending.first = 0;
    sending.skip = 0;
    sending.transferred = 0;
}

}  // namespace

// --- Building ----------------------------------------------------------------------------------------------

template <class Op, class... Args>
chain_step chain_state::add(std::int32_t opener, Args&&... args) {
    PENSTOCK_CHECK(!running_, "a step was added to a chain that is running");
    const auto index = static_cast<std::uint32_t>(steps_.size());
    step& s = steps_.emplace_back();
    s.op = &s.what.template emplace<owned<Op>>(*this, std::forward<Args>(args)...);
    if (opener >= 0) s.opener = &steps_[static_cast<std::size_t>(opener)];
    if (index != 0) steps_[index - 1].following = &s;
    return {this, index};
}

/// The slice has to have an address before there is an operation that names it.
template <class Op, class... Rest>
chain_step chain_state::add_transfer(std::int32_t opener, handle plain, io_slice slice, Rest... rest) {
    const chain_step made = add<Op>(opener, plain, nullptr, 1U, rest...);
    step& s = steps_.back();
    s.slice = slice;
    s.wanted = slice.size;
    std::get<owned<Op>>(s.what).slices = &s.slice;
    return made;
}

// --- Running -----------------------------------------------------------------------------------------------

bool chain_state::begin(std::coroutine_handle<> waiter, cancel_state* surroundings) noexcept {
    PENSTOCK_CHECK(!running_, "a chain was run that is running");
    reset();
    loop_statistics& figures = current_loop->figures();
    if (steps_.size() > most_) {
        ++figures.chains_refused;
        for (step& s : steps_) s.outcome_of_run = -E2BIG;
        return false;
    }
    if (steps_.empty() || (surroundings != nullptr && surroundings->requested())) return false;
    waiter_ = waiter;
    running_ = true;
    if (hand_over()) {
        ++figures.chains;
    } else {
        ++figures.chains_in_order;
        if (advance()) {
            running_ = false;
            return false;
        }
    }
    if (surroundings != nullptr) surroundings->add(cancel_);
    return true;
}

void chain_state::reset() noexcept {
    position_ = 0;
    severed_ = cancelled_ = expired_ = false;
    for (step& s : steps_) {
        s.expired = s.is_kept = false;
        s.kept = owned_handle();
        s.outcome_of_run = -ECANCELED;
        make_new(*s.op);
    }
}

bool chain_state::hand_over() noexcept {
    whole_ = current_loop->core().start_linked(steps_.front());
    if (whole_) under_way_ = steps_.size();
    return whole_;
}

/// One operation has ended: of the chain as a whole, the step that is under way, or the closing of what is left.
void chain_state::on_ended() noexcept {
    if (whole_) {
        if (--under_way_ != 0) {
            if (cancelled_) cancel_what_is_under_way();
            return;
        }
        whole_ = false;
        judge();
    } else if (position_ < steps_.size()) {
        conclude(steps_[position_++]);
    }
    if (advance()) finish();
}

/// All that was handed over has ended.
void chain_state::judge() noexcept {
    for (; position_ < steps_.size(); ++position_) {
        step& s = steps_[position_];
        if (!severed_ && !cancelled_ && was_let_go(s)) return;  // from here on in order
        conclude(s);
    }
}

/// Whether the backend has not carried it out to its end and has had no reason for that, nor gone on after it.
bool chain_state::was_let_go(const step& s) noexcept {
    const auto not_begun = [](const operation& op) {
        return op.result == -ECANCELED || op.result == -EAGAIN || op.result == -EINTR;
    };
    const bool short_send = s.op->kind == op_kind::send && s.op->result >= 0 && !s.expired &&
                            static_cast<const send_op&>(*s.op).transferred < s.wanted;
    if (!short_send && !not_begun(*s.op)) return false;
    if (!s.hard) return true;  // so nothing after it has begun
    for (const linked_operation* l = s.following; l != nullptr; l = l->following) {
        if (!not_begun(*l->op)) return false;
    }
    return true;
}

/// What a step's operation has answered becomes the step's outcome, and decides whether the run goes on.
void chain_state::conclude(step& s) noexcept {
    current_loop->cancel_timer(timer_);
    std::int64_t r = s.op->result;
    if (std::exchange(expired_, false) && r == -ECANCELED) r = -ETIMEDOUT;
    if (s.op->kind == op_kind::send) {
        const auto sent = static_cast<std::int64_t>(static_cast<send_op&>(*s.op).transferred);
        if (r >= 0 || sent != 0) r = sent;
    } else if (opens(s.op->kind) && r >= 0) {
        s.opened = {static_cast<std::int32_t>(r)};
        r = 0;
    } else if (s.op->kind == op_kind::install && r >= 0) {
        note_kept(s, {static_cast<std::int32_t>(r)});
        r = 0;
    } else if (s.op->kind == op_kind::close && r != -ECANCELED) {
        if (s.opener != nullptr) static_cast<step*>(s.opener)->opened = {};
        if (may_close(s)) current_loop->note_descriptor_freed();
    }
    if ((severed_ || cancelled_) && r == -EAGAIN) r = -ECANCELED;  // let go of, where the run was over anyway
    s.outcome_of_run = r;
    if ((r < 0 || static_cast<std::uint64_t>(r) < s.wanted) && !s.hard) severed_ = true;
}

void chain_state::note_kept(step& s, handle kept) noexcept {
    auto* const opener = static_cast<step*>(s.opener);
    opener->is_kept = opener->opened == kept;
    s.kept = owned_handle(*current_loop, kept);
}

/// A step that closes may find that another has kept what it is to close.
bool chain_state::may_close(const step& s) noexcept {
    return s.op->kind != op_kind::close || s.opener == nullptr || !static_cast<const step*>(s.opener)->is_kept;
}

/// Goes on in order. \return whether the run is over, else on_ended() will be called.
bool chain_state::advance() noexcept {
    while (position_ < steps_.size()) {
        step& s = steps_[position_];
        if (!severed_ && !cancelled_ && start(s)) return false;
        ++position_;
    }
    return close_what_is_open();
}

/// \return true if the step is under way; else it has its outcome.
bool chain_state::start(step& s) noexcept {
    if (s.opener != nullptr) set_target(*s.op, static_cast<step*>(s.opener)->opened);
    const bool has_target = dispatch(*s.op, [](const auto& op) noexcept {
        if constexpr (requires { op.target; }) return op.target.valid();
        return true;
    });
    if (!has_target) {
        s.op->result = -EBADF;
    } else if (!may_close(s)) {
        s.op->result = 0;
    } else {
        if (s.limit > duration::zero()) {
            current_loop->set_timer(timer_, later(current_loop->now(), s.limit));
        }
        if (current_loop->start(*s.op)) return true;
    }
    conclude(s);
    return false;
}

bool chain_state::close_what_is_open() noexcept {
    for (step& s : steps_) {
        if (s.is_kept) s.opened = {};
        if (!s.opened.valid()) continue;
        closing_.emplace(*this, std::exchange(s.opened, {}));
        if (current_loop->start(*closing_)) return false;
        current_loop->note_descriptor_freed();
    }
    return true;
}

void chain_state::finish() noexcept {
    cancel_.unlink();
    running_ = false;
    waiter_.resume();
}

void chain_state::cancel() noexcept {
    cancelled_ = true;
    cancel_what_is_under_way();
}

/// Of a whole chain the first that has not ended: those after it follow, or are asked when it has.
void chain_state::cancel_what_is_under_way() noexcept {
    if (!whole_) {
        if (position_ < steps_.size()) current_loop->cancel(*steps_[position_].op);
        return;
    }
    for (step& s : steps_) {
        if (s.op->final) continue;
        current_loop->cancel(*s.op);
        return;
    }
}

void chain_state::expire() noexcept {
    expired_ = true;
    current_loop->cancel(*steps_[position_].op);
}

bool chain_state::complete() const noexcept {
    for (const step& s : steps_) {
        if (s.outcome_of_run < 0 || static_cast<std::uint64_t>(s.outcome_of_run) < s.wanted) return false;
    }
    return true;
}

bool chain_awaiter::begin(std::coroutine_handle<> waiter, cancel_state* surroundings) noexcept {
    return state_->begin(waiter, surroundings);
}

chain_outcome chain_awaiter::await_resume() const noexcept { return state_->outcome(); }

}  // namespace detail

// --- The public form ---------------------------------------------------------------------------------------

namespace {

constexpr std::int32_t none = -1;  // no step opens what this one works on

}  // namespace

chain_step chain_step::hard() const noexcept {
    of_->link(index_).hard = true;
    return *this;
}

chain_step chain_step::limit(duration d) const noexcept {
    of_->link(index_).limit = d;
    return *this;
}

result<std::size_t> chain_outcome::operator[](chain_step step) const noexcept {
    const std::int64_t r = of_->outcome(step.index_);
    if (r < 0) return std::unexpected(detail::decode(static_cast<std::int32_t>(r)));
    return static_cast<std::size_t>(r);
}

bool chain_outcome::complete() const noexcept { return of_->complete(); }

chain::chain(std::size_t most_steps) : state_(std::make_unique<detail::chain_state>(most_steps)) {}

chain::~chain() = default;

std::size_t chain::size() const noexcept { return state_->size(); }

chain_step chain::open(std::string path, fs::open_options options) {
    return state_->add<detail::open_op>(none, state_->keep(std::move(path)), options);
}

chain_step chain::socket(address_family family) {
    return state_->add<detail::socket_op>(none, family, detail::socket_type::stream);
}

chain_step chain::connect(chain_target socket, const endpoint& to) {
    return state_->add<detail::connect_op>(socket.opener_, socket.plain_, to);
}

chain_step chain::read_at(chain_target file, std::span<std::byte> into, std::uint64_t offset) {
    const io_slice all(into.data(), into.size());
    return state_->add_transfer<detail::read_at_op>(file.opener_, file.plain_, all, offset);
}

chain_step chain::write_at(chain_target file, std::span<const std::byte> from, std::uint64_t offset) {
    return state_->add_transfer<detail::write_at_op>(file.opener_, file.plain_, io_slice(from), offset);
}

chain_step chain::sync(chain_target file, bool data_only) {
    return state_->add<detail::sync_op>(file.opener_, file.plain_, data_only);
}

chain_step chain::send(chain_target socket, std::span<const std::byte> from) {
    return state_->add_transfer<detail::send_op>(socket.opener_, socket.plain_, io_slice(from));
}

chain_step chain::shutdown(chain_target socket, detail::shutdown_side side) {
    return state_->add<detail::shutdown_op>(socket.opener_, socket.plain_, side);
}

chain_step chain::keep(chain_step opener) {
    PENSTOCK_CHECK(!state_->keeps(opener.index_), "what a chain opens was to be kept twice");
    return state_->add<detail::install_op>(static_cast<std::int32_t>(opener.index_), handle{});
}

owned_handle chain::take(chain_step kept) noexcept { return state_->take(kept.index_); }

chain_step chain::close(chain_target opened) { return state_->add<detail::close_op>(opened.opener_, opened.plain_); }

}  // namespace penstock

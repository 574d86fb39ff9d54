// HTTP/1.1 as the peers of the gate write and check it.
#pragma once

#include "simulation/plan.hpp"
#include <penstock/http/head.hpp>
#include <penstock/stream.hpp>
#include <penstock/task.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace simulated {

std::string request_head(const request_plan& r);
/// \param origin which one answers
std::string answer_head(const request_plan& r, std::size_t origin, bool closes);
std::string interim_head(const request_plan& r);
std::string tunnel_head(const request_plan& r, std::size_t origin);

/// Which request a head of a request or answer belongs to, if it says so as ours do.
std::optional<std::uint32_t> id_in_target(std::string_view target);
std::optional<std::uint32_t> id_in_fields(std::string_view bytes, std::span<const penstock::http::field> fields);
bool has_field(std::string_view bytes, std::span<const penstock::http::field> fields, std::string_view name);

/// The framing of a body around its bytes.
class framed {
  public:
    framed(body_form form, std::uint64_t size) noexcept : form_(form), size_(size) {}
    /// `bytes` of the body at `offset` with what goes around them; appended. The last piece ends the body.
    void append(std::string& to, std::uint64_t offset, std::string_view bytes) const;
    /// What an empty body consists of.
    void append_end(std::string& to) const;

  private:
    body_form form_;
    std::uint64_t size_;
};

/// How far someone came with sending a body.
enum class progress_of_send : std::uint8_t { all, stopped, failed };

/// Ends a connection the hard way.
penstock::task<> reset(penstock::net::stream& s);

}  // namespace simulated

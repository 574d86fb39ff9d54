// The part that requests and responses have in common: the lines between the first line and the empty one.
#pragma once

#include <penstock/http/error.hpp>
#include <penstock/http/field.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::http::detail {

/// Reads field lines and the empty line behind them (RFC 9112 5), each byte once, however they are split. Syntax only:
/// what the fields mean is found out when all are there.
class field_section {
  public:
    explicit field_section(std::uint16_t most) noexcept : most_(most < most_fields ? most : most_fields) {}

    void reset() noexcept;
    /// Reads on at `position`, an offset into `bytes`, and moves it behind what was read.
    progress parse(std::string_view bytes, std::size_t& position) noexcept;
    std::span<field> fields() noexcept { return {fields_.data(), count_}; }
    http::failure failure() const noexcept { return failure_; }

  private:
    enum class place : std::uint8_t { line_begin, name, before_value, value, line_end, last_line_end };

    progress refuse(std::uint16_t status, std::string_view what) noexcept;
    progress refuse_line(char first) noexcept;
    progress refuse_name(char behind) noexcept;
    progress refuse_value(char behind) noexcept;
    void take_value(std::string_view bytes, std::size_t begin, std::size_t end) noexcept;

    std::array<field, most_fields> fields_;
    std::uint16_t count_ = 0;
    std::uint16_t most_;
    std::uint16_t begin_ = 0;  // of the name or value that is being read
    place place_ = place::line_begin;
    http::failure failure_;
};

}  // namespace penstock::http::detail

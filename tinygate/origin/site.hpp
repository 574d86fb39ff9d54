// What the origin answers, without I/O.
#pragma once

#include <penstock/http/head.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace origin {

/// A response, ready to be sent: views into the site and into the answer itself.
struct answer {
    std::array<char, 512> memory;
    std::string_view head;
    std::string_view body;  ///< as it is to be sent: empty for HEAD
    std::string own_body;   ///< of what is not always the same
    bool keeps = false;     ///< the connection goes on
};

/// A page, a few lines of JSON, and 65 bytes for measuring.
class site {
  public:
    /// \param name of this origin: goes into each answer, and into the page wherever it says `{{origin}}`
    site(std::string name, std::string page);

    /// Answers a request that was understood.
    void answer_to(const penstock::http::request_head& head, std::string_view bytes, answer& into);
    /// Answers one that was not.
    void refuse(std::uint16_t status, std::string_view why, answer& into) const;

  private:
    std::string describe() const;
    void fill(answer& into, std::uint16_t status, std::string_view type, std::string_view body,
              std::string_view connection) const;

    std::string name_;
    std::string page_;
    std::uint64_t requests_ = 0;
};

}  // namespace origin

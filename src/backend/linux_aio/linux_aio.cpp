#include "backend/linux_aio/linux_aio.hpp"

#include "backend/linux_aio/linux_aio_backend.hpp"
#include "backend/readiness/make_mechanism.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<backend>, setup_error> create_linux_aio(const backend_environment& environment) {
    auto ring = aio_ring::create(environment.options.aio_slots);
    if (!ring) return std::unexpected(std::move(ring.error()));
    auto nested = nested_epoll::create();
    if (!nested) return std::unexpected(std::move(nested.error()));
    return make_mechanism<linux_aio_backend>(environment, std::move(*ring), std::move(*nested));
}

}  // namespace penstock::detail

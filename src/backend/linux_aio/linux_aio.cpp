#include "backend/linux_aio/linux_aio.hpp"

#include "backend/linux_aio/linux_aio_backend.hpp"

#include <cerrno>

namespace penstock::detail {
namespace {

setup_error cannot_start(std::int32_t error) {
    if (error != -EINVAL) return setup_failure("io_submit", -error);
    return {std::error_code(EINVAL, std::system_category()),
            "io_submit: this kernel's native AIO cannot poll; that needs Linux 4.18"};
}

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_linux_aio(const backend_environment& environment) {
    auto ring = aio_ring::create(environment.options.aio_slots);
    if (!ring) return std::unexpected(std::move(ring.error()));
    auto nested = nested_epoll::create();
    if (!nested) return std::unexpected(std::move(nested.error()));
    auto wake = waker::create();
    if (!wake) return std::unexpected(std::move(wake.error()));
    auto made =
        std::make_unique<linux_aio_backend>(environment, std::move(*ring), std::move(*nested), std::move(*wake));
    if (const std::int32_t r = made->start(); r < 0) return std::unexpected(cannot_start(r));
    if (auto files = made->set_up_files(environment); !files) return std::unexpected(std::move(files.error()));
    return made;
}

}  // namespace penstock::detail

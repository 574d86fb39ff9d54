#include "backend/files/file_path.hpp"

#include "backend/files/cached_reads.hpp"
#include "backend/files/linux_aio_files.hpp"
#include "backend/files/posix_aio.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<file_path>, setup_error> make_file_path(file_engine engine,
                                                                      const file_path_environment& environment) {
    switch (engine) {
        case file_engine::automatic:
        case file_engine::threads: return std::make_unique<cached_reads>();
        case file_engine::posix_aio: return posix_aio_files::create(environment);
        case file_engine::linux_aio: return linux_aio_files::create(environment);
    }
    return nullptr;
}

}  // namespace penstock::detail

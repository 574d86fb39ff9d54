#include "backend/files/file_path.hpp"

namespace penstock::detail {

std::expected<std::unique_ptr<file_path>, setup_error> make_file_path(file_engine engine,
                                                                      const file_path_environment& environment) {
    static_cast<void>(environment);
    switch (engine) {
        case file_engine::automatic:
        case file_engine::threads: return nullptr;
    }
    return nullptr;
}

}  // namespace penstock::detail

// fs::place: where a file is, or is to be.
#pragma once

#include <penstock/handle.hpp>

#include <string>
#include <utility>

namespace penstock::fs {

/// A path: an absolute one, or relative to the process's working directory, or as `directory / "path"` to an open
/// directory, whatever that is called by now. Made from a string by itself.
class place {
  public:
    place(std::string path) noexcept : path_(std::move(path)) {}  // NOLINT(google-explicit-constructor): see above
    place(const char* path) : path_(path) {}                      // NOLINT(google-explicit-constructor)
    /// Relative to a directory, which must stay open until what is done with the place has ended.
    place(handle directory, std::string path) noexcept : directory_(directory), path_(std::move(path)) {}

    /// Invalid: the working directory.
    handle directory() const noexcept { return directory_; }
    const std::string& path() const noexcept { return path_; }

  private:
    handle directory_;
    std::string path_;
};

}  // namespace penstock::fs

#!/bin/bash
# The same program for who has no CMake: build_with_pkg_config.sh OUTPUT; PKG_CONFIG_PATH says where penstock is.
set -euo pipefail
read -ra flags < <(pkg-config --cflags --libs penstock)
"${CXX:-g++}" -std=c++23 "$(dirname "$0")/main.cpp" "${flags[@]}" -o "$1"

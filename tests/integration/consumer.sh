#!/bin/bash
# presets: release
# An installed penstock can be used with find_package and with pkg-config, also after its tree has been moved.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$PENSTOCK_BUILD/stage
consumer=$PENSTOCK_SOURCE/tests/consumer
expected='penstock 0.1.0'

check() {
    local how=$1 program=$2 printed
    printed=$("$program")
    if [[ $printed != "$expected" ]]; then
        echo "built with $how, the program prints '$printed' instead of '$expected'" >&2
        exit 1
    fi
    echo "ok: $how"
}

rm -rf "$stage"
"$CMAKE" --install "$PENSTOCK_BUILD" --prefix "$work/elsewhere"
mv "$work/elsewhere" "$stage"

"$CMAKE" -G Ninja -S "$consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$stage" -DCMAKE_CXX_COMPILER="$CXX"
"$CMAKE" --build "$work/cmake"
check find_package "$work/cmake/consumer"

pc=$(find "$stage" -name penstock.pc)
PKG_CONFIG_PATH=$(dirname "$pc") "$consumer/build_with_pkg_config.sh" "$work/with_pkg_config"
check pkg-config "$work/with_pkg_config"

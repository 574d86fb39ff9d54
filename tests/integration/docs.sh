#!/bin/bash
# presets: release
# What the documents say holds: their programs compile and link, and the files, commands and names they mention exist.
set -euo pipefail
exec python3 "$PENSTOCK_SOURCE/tests/docs/check.py"

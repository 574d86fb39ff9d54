#!/bin/bash
# presets: release
# What the documents say holds: their programs compile and link, the files, commands and names they mention exist, and
# the commands of the guides run.
set -uo pipefail
status=0
python3 "$PENSTOCK_SOURCE/tests/docs/check.py" || status=1
python3 "$PENSTOCK_SOURCE/tests/docs/guide_commands.py" || status=1
exit $status

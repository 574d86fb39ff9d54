"""The measuring side of penstock; `tools/bench` is its command line."""

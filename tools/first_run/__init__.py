"""What `./run` does: build, compare, serve."""

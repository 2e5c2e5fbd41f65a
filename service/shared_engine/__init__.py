"""One process runs the graphs for all workers: pixels go through shared memory, short messages through a socket."""

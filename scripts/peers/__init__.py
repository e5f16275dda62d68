"""What measure_peers.py needs to run other memories, each in an environment of its own."""

"""The report of the benchmarks is bench.report, and its peers that are Python packages are bench.peers."""

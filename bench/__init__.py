"""The report of the benchmarks is bench.report."""

"""Times epochs on ranks against one process, interleaved, and prints the ratios.

    ranks.py COMMAND MPIRUN [ROUNDS]

Each line: batch size, seconds of an epoch (the median over rounds) with 1 rank of 1 thread, 1 rank of 2 threads, and 2
ranks of 1 thread; then by how much 2 ranks are faster than either.  The data are MNIST in $LANEFOLD_TEST_DATA, else the
built-in digits.
"""

import json
import os
import statistics
import subprocess
import sys

COMMAND, MPIRUN = sys.argv[1:3]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
DATA = os.environ.get("LANEFOLD_TEST_DATA")


def epoch_seconds(ranks, threads, batch):
    """The shortest of four epochs, without the first one."""
    words = [COMMAND, "train", "--epochs", "5", "--json", "--quiet", "--threads", str(threads), "--batch-size", str(batch)]
    words += ["--data", f"{DATA}/mnist"] if DATA else []
    if ranks > 1:
        words = [MPIRUN, "-n", str(ranks)] + words
    lines = subprocess.run(words, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout.splitlines()
    epochs = [event["seconds"] for event in map(json.loads, lines) if event["event"] == "epoch"]
    return min(epochs[1:])


def main():
    print("batch   1 x 1    1 x 2    2 x 1    2 x 1 faster than 1 x 1, than 1 x 2")
    for batch in (200, 2000, 8192):
        ways = {(1, 1): [], (1, 2): [], (2, 1): []}
        for _ in range(ROUNDS):
            for (ranks, threads), times in ways.items():
                times.append(epoch_seconds(ranks, threads, batch))
        one, two, ranks = (statistics.median(times) for times in ways.values())
        print(f"{batch:5} {one:8.4f} {two:8.4f} {ranks:8.4f}    {one / ranks:5.2f}, {two / ranks:5.2f}", flush=True)


if __name__ == "__main__":
    main()

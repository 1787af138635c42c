"""Times steps on ranks against one process, interleaved, and prints the ratios.

    ranks.py COMMAND MPIRUN [ROUNDS]

Each line: batch size; milliseconds of a step (the median over rounds of the fastest part of a run) with 1 rank of 1 thread, 1 rank
of 2 threads, and 2 ranks of 1 thread; by how much 2 ranks are faster than either; then PyTorch
with 1 process, and with 2 by DistributedDataParallel, where PyTorch is installed, and whether both have the same
parameters in the end, with the same normalization.  The data are MNIST in $LANEFOLD_TEST_DATA, else the built-in digits; for PyTorch, random images.
"""

import importlib.util
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

COMMAND, MPIRUN = sys.argv[1:3]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
DATA = os.environ.get("LANEFOLD_TEST_DATA")
IMAGES = 60_000 # of an epoch, of MNIST as of the built-in digits


def lines_of(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout.splitlines()


def step_of(ranks, threads, batch):
    """From the shortest of four epochs, without the first one."""
    words = [COMMAND, "train", "--epochs", "5", "--json", "--quiet", "--threads", str(threads), "--batch-size", str(batch)]
    words += ["--data", f"{DATA}/mnist"] if DATA else []
    lines = lines_of(*([MPIRUN, "-n", str(ranks)] if ranks > 1 else []), *words)
    epochs = [event["seconds"] for event in map(json.loads, lines) if event["event"] == "epoch"]
    return min(epochs[1:]) / math.ceil(IMAGES / batch)


def ddp(processes, batch, norm):
    program = pathlib.Path(__file__).with_name("ddp.py")
    return json.loads(lines_of(sys.executable, program, str(processes), str(batch), "20", norm)[-1])


def main():
    has_torch = importlib.util.find_spec("torch") is not None
    print("batch    1 x 1    1 x 2    2 x 1   faster than 1 x 1, 1 x 2" + "  PyTorch    DDP 2   same bits" * has_torch)
    for batch in (200, 2000, 8192):
        ways = {(1, 1): [], (1, 2): [], (2, 1): []}
        peers = {1: [], 2: []}
        for _ in range(ROUNDS):
            for (ranks, threads), times in ways.items():
                times.append(step_of(ranks, threads, batch))
            for processes, results in peers.items() if has_torch else ():
                results.append(ddp(processes, batch, "own" if processes == 1 else "exchanged")["seconds"])
        one, two, ranks = (1e3 * statistics.median(times) for times in ways.values())
        text = f"{batch:5} {one:8.3f} {two:8.3f} {ranks:8.3f}   {one / ranks:17.2f}, {two / ranks:5.2f}"
        if has_torch:
            for results in peers.values():
                text += f"{1e3 * statistics.median(results):9.3f}"
            hashes = {ddp(processes, batch, "exchanged")["parameters_sha256"] for processes in (1, 2)}
            text += f"   {'yes' if len(hashes) == 1 else 'no'}"
        print(text, flush=True)


if __name__ == "__main__":
    main()

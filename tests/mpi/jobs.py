"""Runs jobs of the lanefold command under one MPI: equal checkpoints on any number of ranks, and jobs that fail.

    jobs.py COMMAND MPIRUN [all | part ECHO]

`all` compares every data set, optimizer and batch size, and prints the table of README; without it, a few. It compares
MNIST and Fashion-MNIST only if LANEFOLD_TEST_DATA names their folder. `part` compares checkpoints, and ranks with
different instruction sets, in less than a minute. It is skipped if mpirun cannot run two ranks of the program ECHO,
which knows only MPI.
"""

import hashlib
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

COMMAND, MPIRUN = os.path.abspath(sys.argv[1]), sys.argv[2]
IS_ALL, IS_PART = sys.argv[3:4] == ["all"], sys.argv[3:4] == ["part"]
IS_OPEN_MPI = "HYDRA" not in subprocess.run([MPIRUN, "--version"], capture_output=True, text=True, check=True).stdout
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
DATA_FOLDER = os.environ.get("LANEFOLD_TEST_DATA") or None
ERROR = 2
SKIPPED = 77
RUNS = itertools.count()
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"

checked, failures = 0, 0


def check(is_right, *words):
    global checked, failures
    checked += 1
    if not is_right:
        failures += 1
        print("FAILED:", *words, flush=True)


def job(*parts):
    """The words that start ranks: each part is a number of ranks and the words of their command."""
    words = [MPIRUN] + (["--oversubscribe"] if IS_OPEN_MPI else [])
    for index, (ranks, *arguments) in enumerate(parts):
        words += ([":"] if index else []) + ["-n", str(ranks), COMMAND, *map(str, arguments)]
    return words


def run(*parts, seconds=300, folder=None, **environment):
    """A job that has ended, and what it has said.  One that hangs has the exit code -1."""
    name = f"{os.getpid()}-{next(RUNS)}"
    with subprocess.Popen(job(*parts), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
                          env=ENVIRONMENT | {"LANEFOLD_TEST_JOB": name} | environment, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            for rank in ranks_of(name):
                os.kill(rank, signal.SIGKILL)
            output, errors = process.communicate()
            return subprocess.CompletedProcess(process.args, -1, output, errors + "hangs")
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def said(process):
    """What the command itself has said, without the words of mpirun."""
    return [line for line in process.stderr.splitlines() if line.startswith("lanefold: ")]


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def data_sets():
    if DATA_FOLDER is None:
        print("MNIST and Fashion-MNIST are not compared: LANEFOLD_TEST_DATA names no folder")
        return ["digits"]
    return ["digits", "mnist", "fashion-mnist"]


def table_of(hashes):
    """The table of README: the first digits of each hash of (data set, optimizer, batch size)."""
    batches = list(dict.fromkeys(batch for _, _, batch in hashes))
    lines = ["| data | optimizer | " + " | ".join(f"batch {batch}" for batch in batches) + " |",
             "|---" * (2 + len(batches)) + "|"]
    for data, optimizer in dict.fromkeys((data, optimizer) for data, optimizer, _ in hashes):
        lines.append(f"| {data} | {optimizer} | " + " | ".join(hashes[data, optimizer, batch] for batch in batches) + " |")
    return "\n".join(lines)


def compare_checkpoints(folder):
    """One checkpoint, byte for byte, on any number of ranks, and after a resume on another number."""
    batches, optimizers = [200, 128, 1000, 37], ["sgd", "momentum", "nesterov", "adam"]
    every = list(itertools.product(data_sets(), optimizers, batches))
    few = [("digits", "sgd", 200), ("digits", "adam", 1000)]
    chosen = every if IS_ALL else few[1:] if IS_PART else few
    counts = [1, 2, 3, 4, 7, 8] if IS_ALL else [1, 2, 3] if IS_PART else [1, 2, 3, 8]
    known, seen = README.read_text(encoding="utf-8"), {}
    for data, optimizer, batch in chosen:
        options = ["--data", data, "--optimizer", optimizer, "--batch-size", batch, "--learning-rate", "0.003",
                   "--quiet"]
        hashes = {}
        for ranks in counts:
            path = folder / f"{ranks}.safetensors"
            done = run((ranks, "train", *options, "--epochs", 1, "--save", path), folder=DATA_FOLDER)
            check(done.returncode == 0, ranks, "ranks:", done.stderr)
            hashes[ranks] = sha256(path)
        check(len(set(hashes.values())) == 1, data, optimizer, batch, hashes)
        seen[data, optimizer, batch] = hashes[1][:12]
        check(hashes[1][:12] in known, data, optimizer, batch, "has a hash that README lacks:", hashes[1])
        print(f"{hashes[1]}  {data}, {optimizer}, batch {batch}, {', '.join(map(str, hashes))} ranks", flush=True)
        ends = set()
        last = folder / f"{counts[-1]}.safetensors"
        resumed = [2, 1] if IS_PART else [2, 1, 3]
        for ranks in resumed:
            path = folder / f"{ranks}.safetensors"
            done = run((ranks, "train", *options, "--resume", last, "--epochs", 2, "--save", path), folder=DATA_FOLDER)
            check(done.returncode == 0, "resume on", ranks, "ranks:", done.stderr)
            ends.add(sha256(path))
        path = folder / "whole.safetensors"
        done = run((2, "train", *options, "--epochs", 2, "--save", path), folder=DATA_FOLDER)
        check(done.returncode == 0, "two epochs:", done.stderr)
        ends.add(sha256(path))
        check(len(ends) == 1, data, optimizer, batch, "without a resume, and resumed on", resumed, "ranks:", ends)
    if IS_ALL:
        print(table_of(seen))


def compare_results(folder):
    model, other = folder / "seed-1.safetensors", folder / "seed-3.safetensors"
    for seed, path in ((1, model), (3, other)):
        run((1, "train", "--epochs", 1, "--quiet", "--save", path, "--seed", seed))
    done = run((1, "eval", model), (1, "eval", other), seconds=60)
    check(done.returncode == ERROR and "same command" in "".join(said(done)), "two models:", done.stderr)
    for verb in (["eval", model, "--json"], ["predict", model, "--count", "1700", "--json"]):
        outputs = {run((ranks, *verb)).stdout.split('"seconds"')[0] for ranks in [1, 2, 3]}
        check(len(outputs) == 1 and outputs != {""}, verb[0], "differs between ranks")
    tables = [folder / "a.csv", folder / "b.csv"]
    for number, path in enumerate(tables):
        path.write_text("".join(f"{i},{(i + number) % 7},{i % 2}\n" for i in range(500)))
    of_table = folder / "table.safetensors"
    run((1, "train", "--data", tables[0], "--epochs", 1, "--quiet", "--save", of_table))
    done = run(*((1, "predict", of_table, "--data", path, "--count", "400") for path in tables), seconds=60)
    check(done.returncode == ERROR and "same rows" in "".join(said(done)), "two tables:", done.stderr)
    output = folder / "out.csv"
    done = run((3, "predict", model, "--count", "1700", "--format", "csv", "-o", output))
    check(done.returncode == 0 and len(output.read_text().splitlines()) == 1701, "predict -o:", done.stderr)


def compare_instruction_sets():
    words = ["train", "--epochs", 1, "--batch-size", 1000, "--json"]
    jobs = [run((1, *words)), run((1, *words, "--isa", "portable"), (1, *words))]
    last = [job.stdout.split('"parameters_sha256"')[-1] for job in jobs]
    check([job.returncode for job in jobs] == [0, 0], "instruction sets:", jobs[1].stderr)
    check(last[0] == last[1] != "", "portable and the best plugin in one job:", last)


def compare_without_early_copies(folder):
    """Messages of more than a few KiB move only when both sides call MPI, so memory that goes away early is noticed."""
    words = ["train", "--epochs", 1, "--batch-size", 2000, "--hidden", "300,200", "--quiet"]
    small = {"OMPI_MCA_btl_vader_eager_limit": "4096", "OMPI_MCA_btl_sm_eager_limit": "4096", "UCX_RNDV_THRESH": "1024"}
    hashes = set()
    for ranks in [1, 3]:
        path = folder / f"early-{ranks}.safetensors"
        done = run((ranks, *words, "--save", path), **small)
        check(done.returncode == 0, "without early copies, on", ranks, "ranks:", done.stderr)
        hashes.add(sha256(path))
    check(len(hashes) == 1, "without early copies:", hashes)


def refuse(folder):
    """Each refusal is one message, and exit code 2."""
    short = ["--epochs", 1, "--quiet"]
    models = [folder / "a.safetensors", folder / "b.safetensors"]
    for seed, model in enumerate(models):
        run((1, "train", *short, "--batch-size", 5000, "--save", model, "--seed", seed))
    links = [folder / "one", folder / "other"] # folders in which one name stands for different files
    for link, model in zip(links, models):
        link.mkdir()
        (link / "m.safetensors").symlink_to(model)
    same = ["env", "-C"]
    table = folder / "t.csv"
    table.write_text("".join(f"{i},{i % 7},{i % 2}\n" for i in range(500)))
    cases = [
        ("a file that is not there", [(3, "train", "--data", "/nowhere", *short)], "/nowhere: cannot be read"),
        ("a table that the first rank lacks",
         [(1, "train", "--data", "/nowhere", *short), (1, "train", "--data", table, *short)], "rank 0 on "),
        ("a table that one rank lacks", [(1, "train", "--data", table, *short), (1, "train", "--data", "/nowhere", *short)],
         "rank 1 on "),
        ("more ranks than rows", [(3, "train", "--batch-size", 2, *short)], "--batch-size is 2 "),
        ("other options", [(1, "train", *short), (1, "train", "--momentum", "0.5", *short)], "same command"),
        ("another network", [(2, "train", *short), (1, "train", "--activation", "relu", *short)],
         "rank 2 on "),
        ("another verb", [(1, "train", *short), (1, "eval", models[0])], "same command"),
        ("a misspelling on one rank", [(1, "train", *short), (1, "train", "--epoks", 1)], "same command"),
        ("digits and a table", [(1, "train", *short), (1, "train", "--data", table, *short)], "same kind of data"),
        ("a table and digits", [(1, "train", "--data", table, *short), (1, "train", *short)], "same kind of data"),
        ("an instruction set that a rank lacks", [(1, "train", *short), (1, "train", "--isa", "vax", *short)],
         "rank 1 on "),
        ("a checkpoint that cannot be written", [(2, "train", "--save", "/nowhere/m.safetensors", *short)], "/nowhere"),
        ("a model that is not there", [(2, "eval", folder / "none.safetensors")], "none.safetensors"),
    ]
    for what, parts, words in cases:
        done = run(*parts, seconds=60, LANEFOLD_RANK_TIMEOUT="20")
        told = said(done)
        check(done.returncode == ERROR, what, "has exit code", done.returncode)
        check(len(told) == 1 and words in told[0], what, "says:", told or done.stderr)
    weights = subprocess.run([MPIRUN, "-n", "1", *same, links[0], COMMAND, "train", "--from", "m.safetensors", "--epochs", "1",
                              ":", "-n", "1", *same, links[1], COMMAND, "train", "--from", "m.safetensors", "--epochs", "1"],
                             capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
    check(weights.returncode == ERROR and "same parameters" in "".join(said(weights)), "other weights:", weights.stderr)
    one_more = run((1, "train", "--threads", 1, *short), (1, "train", *short), seconds=60)
    check(one_more.returncode == 0, "threads on one rank only:", one_more.stderr)
    foreign = "/usr/bin/mpirun.mpich" if IS_OPEN_MPI else "/usr/bin/mpirun.openmpi"
    if os.path.exists(foreign):
        words = [foreign, "-n", "2", COMMAND, "train", "--save", folder / "foreign.safetensors", *map(str, short)]
        done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
        check(done.returncode == ERROR and done.stderr.count("for its launcher") == 1, "another MPI's mpirun:", done.stderr)
        check(not (folder / "foreign.safetensors").exists(), "another MPI's mpirun lets it write")
    misspelt = run((3, "train", "--epoks", 1))
    check(misspelt.returncode == ERROR and misspelt.stderr.count("--epoks") == 1, "a misspelt option:", misspelt.stderr)
    other = run((3, "info"))
    check(other.returncode == 0 and other.stdout.count("lanefold 0.") == 1, "info runs once:", other.stdout)


def ranks_of(name):
    """The processes of the command in this job, in the order of their ranks."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.path.realpath(folder / "exe") != os.path.realpath(COMMAND):
                continue
            environment = dict(entry.split("=", 1) for entry in (folder / "environ").read_text().split("\0") if "=" in entry)
        except (OSError, UnicodeDecodeError):
            continue
        if environment.get("LANEFOLD_TEST_JOB") == name:
            found[int(environment.get("OMPI_COMM_WORLD_RANK") or environment.get("PMI_RANK") or 0)] = int(folder.name)
    return [found[rank] for rank in sorted(found)]


def start(path, name, **environment):
    """Starts a long training on three ranks, and waits until its first checkpoint is there."""
    process = subprocess.Popen(
        job((3, "train", "--epochs", 1000, "--save", path, "--quiet", "--threads", 1)), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=ENVIRONMENT | {"LANEFOLD_TEST_JOB": name} | environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) # a shell's background jobs ignore SIGINT
    end = time.monotonic() + 120
    while not path.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    check(path.exists(), "no checkpoint after two minutes")
    return process


def interrupt_and_kill(folder):
    """However a rank ends, the job ends, and the last checkpoint is whole."""
    for what in ["interrupt", "kill", "stop"]:
        path = folder / f"{what}.safetensors"
        name = f"{os.getpid()}-{what}"
        process = start(path, name, LANEFOLD_RANK_TIMEOUT="2")
        ranks = ranks_of(name)
        check(len(ranks) == 3, what, "sees the ranks", ranks)
        begin = time.monotonic()
        if what == "interrupt":
            process.send_signal(signal.SIGINT)
        else:
            os.kill(ranks[1], signal.SIGKILL if what == "kill" else signal.SIGSTOP)
        try:
            _, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            check(False, what, "does not end")
            continue
        seconds = time.monotonic() - begin
        check(process.returncode != 0, what, "has exit code 0")
        check(seconds < (15 if what == "stop" else 10), what, "takes", seconds, "s")
        end = time.monotonic() + 5
        while ranks_of(name) and time.monotonic() < end:
            time.sleep(0.1)
        check(not ranks_of(name), what, "leaves processes")
        if what == "interrupt":
            check("to continue: lanefold train --resume" in errors, what, "says:", errors)
            if not IS_OPEN_MPI: # Open MPI's mpirun returns 1 after an interrupt, whatever its ranks return
                check(process.returncode == 130, what, "has exit code", process.returncode)
        if what == "stop":
            check("rank 1 on " in errors and "has not answered for 2 s" in errors, what, "says:", errors)
        check(run((1, "info", path)).returncode == 0, what, "leaves no whole checkpoint")
        log = folder / f"{what}.jsonl"
        resumed = run((2, "train", "--resume", path, "--early-stopping", 1, "--quiet", "--log", log))
        check(resumed.returncode == 0 and '"event":"epoch"' in log.read_text(), what, "is not resumed:", resumed.stderr)
        check(not list(folder.glob(f"{what}.safetensors.tmp*")) or what == "kill", what, "leaves unfinished files")


def need_mpi():
    """Ends the test unless MPI works here."""
    words = [MPIRUN] + (["--oversubscribe"] if IS_OPEN_MPI else []) + ["-n", "2", sys.argv[4]]
    try:
        echo = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
        problem = echo.stderr.strip().split("\n")[0] if echo.returncode != 0 else None
    except subprocess.TimeoutExpired:
        problem = "it hangs"
    if problem is not None:
        print("SKIPPED: MPI cannot run two processes here:", problem)
        sys.exit(SKIPPED)


def main():
    if IS_PART:
        need_mpi()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        compare_checkpoints(folder)
        compare_instruction_sets()
        if not IS_PART:
            compare_without_early_copies(folder)
            compare_results(folder)
            refuse(folder)
            interrupt_and_kill(folder)
    print(f"{checked} checks, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

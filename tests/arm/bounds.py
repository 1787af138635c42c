"""bounds.py OBJDUMP PLUGIN.so: how fast the NEON plugin's hot loops can be, without the hardware.

No hot loop may spill registers, or load again what a register could keep, but for SPILLS.  llvm-mca must find that the
microkernel multiplies at 95% of what the units can do, and that ELU costs at most 1.3 times its own
instructions (1.35 behind a normalization), on three CPUs.  Exit code 77 (Meson's "skipped") without llvm-mca.
"""

import re
import shutil
import subprocess
import sys

CPUS = ("neoverse-n1", "neoverse-v1", "apple-m1")
# LLVM describes apple-m1 as Apple's core of 2013, whose multiply-add takes 8 cycles, and which looks 192 operations
# ahead.  On that core ELU waits for its own results, but not on the M1.  The limit of the units is still checked.
SHORT_SIGHTED = ("apple-m1",)
ITERATIONS = 200
# Loops that do more.  One has two fetches of a B beyond the caches.  On apple-m1, LLVM counts each of its nine
# addresses of two registers as an operation of its own: 48 operations, at 6 per cycle.  The other has three stores of
# B, on the first pass through it.
LEAST_SHARE = {"BLoad)1": 0.87, "BLoad)2": 0.78}

# Where constants are more than registers, and how many are loaded again for each vector: GELU behind a normalization.
SPILLS = {"Gelu": 2}
ACTIVATION = re.compile(r"activation::(%s)\b" % "|".join(SPILLS))

BRANCH = re.compile(r"(b|b\.\w+|bl|blr|br|ret|cbn?z|tbn?z)\s")
BACK = re.compile(r"(?:b\.\w+|cbn?z|tbn?z)\s+(?:.*,\s*)?([0-9a-f]+) <")
VECTOR = re.compile(r"\bv\d+\.(4s|2d|16b)")
ARITHMETIC = re.compile(r"(?!mov|ld|st|dup|ins)\w+\s+v\d+\.(4s|16b)")


def functions(objdump, plugin):
    """(name, [(address, instruction)]) of each function."""
    command = [objdump, "-d", "-C", "--no-show-raw-insn", plugin]
    text = subprocess.run(command, check=True, capture_output=True, text=True)
    name, body = None, []
    for line in text.stdout.splitlines():
        if head := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            if name:
                yield name, body
            name, body = head[1], []
        elif code := re.match(r"\s*([0-9a-f]+):\t(.*)$", line):
            body.append((int(code[1], 16), code[2]))
    if name:
        yield name, body


def hot_loops(body):
    """Loops without a branch but their own: instructions, the branch last."""
    place = {address: i for i, (address, _) in enumerate(body)}
    for i, (address, text) in enumerate(body):
        back = BACK.match(text)
        if back and int(back[1], 16) <= address and int(back[1], 16) in place:
            loop = [instruction for _, instruction in body[place[int(back[1], 16)]: i + 1]]
            if not any(BRANCH.match(instruction) for instruction in loop[:-1]):
                yield loop


def find_mca():
    """LLVM 17 is the first to know neoverse-v1 as it is."""
    for name in ["llvm-mca"] + [f"llvm-mca-{version}" for version in range(30, 16, -1)]:
        if shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
            if int(re.search(r"version (\d+)", version)[1]) >= 17:
                return name
    return None


def cycles(mca, cpu, loop):
    """Cycles of one iteration: simulated, and as the units alone would need."""
    code = "\n".join(re.sub(r"[0-9a-f]+ <.*", "0", instruction) for instruction in loop)
    answer = subprocess.run([mca, "-mtriple=aarch64", f"-mcpu={cpu}", f"-iterations={ITERATIONS}"], check=True,
                            input=code, capture_output=True, text=True).stdout
    simulated = int(re.search(r"Total Cycles:\s+(\d+)", answer)[1]) / ITERATIONS
    return simulated, float(re.search(r"Block RThroughput:\s+([\d.]+)", answer)[1])


class Checks:
    def __init__(self):
        self.failed = False

    def that(self, good, text):
        print(("ok     " if good else "FAILED ") + text)
        self.failed |= not good


# What must be found, by a part of the function's name and the multiply-adds of the loop: a tile, for each way to read
# B, and ELU alone, behind a normalization, and behind a product.
TILES = [f"Neon, 8, 3, 8>, 8, 3, (lanefold::gemm::Tail)0, (lanefold::gemm::BLoad){load}" for load in (0, 1, 2)]
ELUS = ["activation::forward<", "norm::normalize<",
        "dense::activate<lanefold::simd::Neon, lanefold::activation::Elu>"]


def main(objdump, plugin):
    mca = find_mca()
    if not mca:
        print("SKIPPED: no llvm-mca of LLVM 17 or newer")
        return 77
    checks = Checks()
    loops, products, elus, known = 0, [], [], {}
    for name, body in functions(objdump, plugin):
        for loop in hot_loops(body):
            vectors = sum(bool(VECTOR.search(instruction)) for instruction in loop)
            if vectors < max(6, len(loop) / 4):
                continue
            loops += 1
            spills = [instruction for instruction in loop if re.search(r"\[(sp|x29)\b", instruction)]
            activation = ACTIVATION.search(name)
            most = SPILLS[activation[1]] if activation else 0
            if len(spills) > most:
                checks.that(False, f"{name}: spills {spills[:3]}")
            elif spills:
                known[activation[1]] = known.get(activation[1], 0) + 1
            multiplies = [instruction for instruction in loop if instruction.startswith("fmla")]
            if "::microkernel<" in name and len(multiplies) == 24:
                products.append((name, loop, multiplies))
            if "activation::Elu" in name and "microkernel<" not in name and len(multiplies) >= 4 * 7:
                elus.append((name, loop))
    checks.that(loops > 350, f"{loops} hot loops looked at")
    for activation, count in known.items():
        print(f"known  {count} loops of {activation} load a constant again")
    for part in TILES:
        checks.that(any(part in name for name, _, _ in products), f"there is {part}")
    for part in ELUS:
        checks.that(any(part in name for name, _ in elus), f"there is ELU in {part}")
    for cpu in CPUS:
        for name, loop, multiplies in products:
            simulated, _ = cycles(mca, cpu, loop)
            share = cycles(mca, cpu, multiplies)[1] / simulated
            least = next((least for load, least in LEAST_SHARE.items() if load in name), 0.95)
            checks.that(share >= least, f"{cpu}: {share:.3f} of the multiply-adds' throughput, {short(name)}")
        for name, loop in elus:
            simulated, units = cycles(mca, cpu, loop)
            arithmetic = cycles(mca, cpu, [instruction for instruction in loop if ARITHMETIC.match(instruction)])[1]
            checks.that(units <= 1.3 * arithmetic, f"{cpu}: units {units / arithmetic:.2f} of ELU's own, {short(name)}")
            if cpu not in SHORT_SIGHTED:
                checks.that(simulated <= (1.35 if "norm::" in name else 1.3) * arithmetic,
                            f"{cpu}: cycles {simulated / arithmetic:.2f} of ELU's own, {short(name)}")
    return 1 if checks.failed else 0


def short(name):
    return re.sub(r"lanefold::(\w+::)?", "", name)[:100]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

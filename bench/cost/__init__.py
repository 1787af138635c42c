"""Costs that other programs count: qemu those of NEON, and llvm-mca cycles."""

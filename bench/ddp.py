"""A step of 784-300-100-10 with BN and ELU by PyTorch's DistributedDataParallel with Gloo, one thread for each process.

    ddp.py PROCESSES BATCH STEPS own|exchanged

Prints the seconds of a step, from the fastest five in a row, and the SHA-256 of the parameters after the last one, as JSON.  PyTorch's own
SyncBatchNorm needs a GPU, so with `exchanged`, this program exchanges the sums of the batch itself, forward and backward.
`own` is PyTorch's normalization by the rows of one process.
"""

import functools
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable

import torch
from torch import distributed, multiprocessing, nn
from torch.distributed.nn.functional import all_reduce


class SyncedBatchNorm(nn.Module):
    """Batch normalization by the statistics of the batch of all processes, which have the same number of rows."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(columns)), nn.Parameter(torch.zeros(columns))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sums: torch.Tensor = torch.cat([x.sum(0), (x * x).sum(0)])
        if distributed.get_world_size() > 1:
            sums = all_reduce(sums)
        mean, square = (sums / (len(x) * distributed.get_world_size())).chunk(2)
        return (x - mean) * torch.rsqrt(square - mean * mean + 1e-3) * self.weight + self.bias


def network(norm: Callable[[int], nn.Module]) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((784, 300), (300, 100), (100, 10)):
        layers += [nn.Linear(inputs, outputs, bias=False), norm(outputs), nn.ELU()]
    return nn.Sequential(*layers[:-1])


def train(rank: int, processes: int, batch: int, steps: int, way: str, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', f'file://{folder}/group', rank=rank, world_size=processes)
    torch.manual_seed(1)
    norms = {'own': functools.partial(nn.BatchNorm1d, eps=1e-3), 'exchanged': SyncedBatchNorm}
    model = network(norms[way])
    images, labels = torch.rand(batch, 784), torch.randint(10, (batch,))
    rows = slice(batch * rank // processes, batch * (rank + 1) // processes)
    images, labels = images[rows], labels[rows]
    if processes > 1:
        model = nn.parallel.DistributedDataParallel(model)
    optimizer, loss = torch.optim.SGD(model.parameters(), 0.01), nn.CrossEntropyLoss()
    seconds = []
    for _ in range(steps):
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    if rank == 0:
        digest = hashlib.sha256(b''.join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest()
        print(json.dumps({'seconds': min(sum(seconds[i:i + 5]) / 5 for i in range(0, steps - 4, 5)), 'parameters_sha256': digest}), flush=True)
    distributed.destroy_process_group()


def main() -> None:
    processes, batch, steps = map(int, sys.argv[1:4])
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(train, (processes, batch, steps, sys.argv[4], folder), processes)


if __name__ == '__main__':
    main()

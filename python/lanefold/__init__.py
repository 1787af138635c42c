"""Fast kernels for dense layers, batch normalization and activations on CPUs, on NumPy arrays without copies.

    import lanefold, numpy
    c = lanefold.sgemm(a, b)                          # the matrix product of two float32 arrays
    layers = lanefold.dense_layers([784, 300, 100, 10], 'elu', batch_norm=True, seed=1)
    trainer = lanefold.Trainer(layers, learning_rate=0.01)
    loss, correct = trainer.step(x, labels)           # forward, loss, backward and update
    logits = lanefold.Network(layers)(x)              # inference; batch normalization is folded

Operations
    sgemm, dense_forward, dense_backward, dense_infer, pack_weights, batch_norm_forward, batch_norm_backward,
    fold_batch_norm, activation_forward, activation_backward, dropout, softmax, softmax_cross_entropy, elementwise_loss,
    top_k_correct, optimizer_step, gather
A batch in parts
    batch_norm_moments, batch_norm_merge, column_sums
Layers and networks
    DenseLayer, ElementwiseLayer, BatchNorm, dense_layers, Trainer, Network, PackedWeights, random
Files
    Model, from_torch
Where calls run
    Context, default_context, ThreadPool, explain, cpu, plugins

Arrays are float32 NumPy arrays, or objects with DLPack or the buffer protocol, such as PyTorch tensors on the CPU.  They
are never copied.  Results have the same bits on every CPU and with any number of threads.  An argument
that a call cannot take raises TypeError or ValueError, and the message names the argument, what was given and what is
valid.  help(lanefold.sgemm) and the others have formulas, shapes and examples.
"""
from __future__ import annotations

from . import random as random
from ._lanefold import (Context, Error, InvalidArgument, Network, PackedWeights, Task, Trainer, __version__,
                        activation_backward, activation_forward, batch_norm_backward, batch_norm_forward,
                        batch_norm_merge, batch_norm_moments, column_sums, cpu, default_context, dense_backward,
                        dense_forward, dense_infer, dropout, elementwise_loss, explain, fold_batch_norm, gather,
                        optimizer_step, pack_weights, plugins, sgemm, softmax, softmax_cross_entropy, top_k_correct)
from .executors import ThreadPool
from .layers import BatchNorm, DenseLayer, ElementwiseLayer, dense_layers
from .models import Model
from .pytorch import from_torch
from .results import BatchNormGradients, DenseGradients, Folded, Plugin, Step

__all__ = [
    'BatchNorm', 'BatchNormGradients', 'Context', 'DenseGradients', 'DenseLayer', 'ElementwiseLayer', 'Error', 'Folded',
    'InvalidArgument', 'Model', 'Network', 'PackedWeights', 'Plugin', 'Step', 'Task', 'ThreadPool', 'Trainer', '__version__', 'activation_backward',
    'activation_forward', 'batch_norm_backward', 'batch_norm_forward', 'batch_norm_merge', 'batch_norm_moments', 'column_sums',
    'cpu', 'default_context', 'dense_backward',
    'dense_forward', 'dense_infer', 'dense_layers', 'dropout', 'elementwise_loss', 'explain', 'fold_batch_norm', 'from_torch',
    'gather', 'optimizer_step', 'pack_weights', 'plugins', 'random', 'sgemm', 'softmax', 'softmax_cross_entropy',
    'top_k_correct',
]

"""The cases that stand for all others, in words and tables: the network 784-300-100-10 at batch 200, and its first
layer."""
from bench.report.fields import Where

STEP: Where = {'op': 'step', 'bn': True, 'activation': 'elu', 'm': 200}
STEP_WITHOUT_BN: Where = {'op': 'step', 'bn': False, 'activation': 'relu', 'm': 200}
FOLDED: Where = {'family': 'network', 'op': 'infer', 'form': 'folded', 'cold': False}
FOLDED_ONE: Where = {**FOLDED, 'm': 1}
FOLDED_BATCH: Where = {**FOLDED, 'm': 200}
PLAIN_PRODUCT: Where = {'family': 'gemm', 'transpose': 'nn', 'form': '', 'cold': False, 'set': ''}
PRODUCT: Where = {**PLAIN_PRODUCT, 'm': 200, 'n': 300, 'k': 784}
SMALL_PRODUCT: Where = {**PLAIN_PRODUCT, 'm': 16, 'n': 16, 'k': 16}
LAYER: Where = {'family': 'dense', 'op': 'dense', 'm': 200, 'n': 300, 'k': 784}
LAYER_NAME = '200\u00d7300\u00d7784'
TRAINING: Where = {**LAYER, 'bn': True, 'activation': 'elu', 'pass_': 'training', 'form': 'fused'}
BACKWARD: Where = {**TRAINING, 'pass_': 'backward'}
INFERENCE: Where = {**TRAINING, 'pass_': 'inference'}
INFERENCE_FOLDED: Where = {**INFERENCE, 'form': 'folded'}
ELU: Where = {'family': 'activation', 'pass_': 'forward', 'activation': 'elu', 'n': 4096, 'level': ''}

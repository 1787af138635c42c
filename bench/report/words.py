"""What the fields and quantities of results are called in the report."""
from bench.report.fields import Fields

EXTRAS = {'relu': 'ReLU', 'leaky-relu': 'leaky ReLU', 'elu': 'ELU', 'selu': 'SELU', 'tanh': 'tanh',
          'logistic': 'logistic', 'relu6': 'ReLU6', 'softplus': 'softplus', 'hard-sigmoid': 'hard sigmoid', 'silu': 'SiLU',
          'hard-swish': 'hard swish', 'gelu': 'GELU', 'gelu-tanh': 'GELU by tanh', 'bn': 'BN', 'bn_relu': 'BN + ReLU', 'bn_elu': 'BN + ELU'}
PASSES = {'training': 'Training, forward', 'backward': 'Training, backward', 'inference': 'Inference'}
FORMS = {'unfused': 'separate calls', 'fused': 'fused with the product', 'folded': 'folded into packed weights'}
PEERS = {'openblas': 'OpenBLAS', 'blis': 'BLIS', 'onednn': 'oneDNN', 'eigen': 'Eigen', 'libxsmm': 'libxsmm',
         'numpy': 'NumPy', 'pytorch': 'PyTorch', 'onnxruntime': 'ONNX Runtime'}
FAMILIES = {'gemm': 'Matrix products', 'dense': 'Layers', 'activation': 'Activations', 'norm': 'Batch normalization',
            'network': 'Networks', 'trainer': 'Trainer', 'update': 'Weight updates',
            'batch': 'Batches', 'call': 'Cost of a call', 'determinism': 'Cost of determinism',
            'microkernel': 'Microkernels', 'limit': 'Limits of the machine'}
QUANTITIES = {'against-peers': 'time of the fastest other library, relative to ours', 'of-peak': 'share of the peak',
              'of-read': 'share of the reading speed', 'over-alone': 'time relative to the product alone',
              'over-copy': 'time relative to a copy', 'over-relu': 'time relative to ReLU',
              'over-onnxruntime': 'time relative to ONNX Runtime',
              'over-any-order': 'time relative to sums in any order', 'microseconds': 'time in \u00b5s',
              'ns-per-element': 'time of an element in ns', 'excess-ns': 'time beside the work itself, in ns',
              'seconds': 'time in s'}
SETS = {'random': 'random shapes', 'geometric-mean': 'geometric mean of all shapes', 'share': 'share of all shapes'}
VERDICTS = ('fails', 'undecided', 'holds')  # the worst first


def extra_name(fields: Fields) -> str:
    return EXTRAS.get(fields.extra, fields.extra.replace('_', ' + '))


def peer_name(peer: str) -> str:
    return PEERS.get(peer, peer)


def family_name(family: str) -> str:
    return FAMILIES.get(family, family)


def quantity_name(quantity: str) -> str:
    return QUANTITIES.get(quantity, quantity.replace('-', ' '))


def on_threads(count: int) -> str:
    return '%d thread%s' % (count, '' if count == 1 else 's')


def of_samples(count: int) -> str:
    return '%d sample%s' % (count, '' if count == 1 else 's')


def sized(fields: Fields) -> str:
    """"784x300x200 tn", where tn says which operands are transposed; "4096 elements" of a vector."""
    if fields.family in ('network', 'trainer') and fields.m:
        return of_samples(fields.m)
    if fields.shape == str(fields.n):
        return '%d elements' % fields.n
    return ' '.join(filter(None, (fields.shape, '' if fields.transpose == 'nn' else fields.transpose)))


def subject_of(fields: Fields) -> str:
    """What was measured, below a heading with its family, and without instruction set and threads:
    "784x300x200 tn, packed"."""
    op = '' if fields.op in (fields.family, 'batch_norm', 'infer') else fields.op.replace('_', ' ')
    size, is_product = sized(fields), fields.k > 0
    return ', '.join(filter(None, (op, size if is_product else '', extra_name(fields), fields.pass_,
                                   fields.form.replace('_', ' '), '' if is_product else size, fields.level,
                                   'cold caches' if fields.cold else '', SETS.get(fields.set, fields.set))))


def where_of(fields: Fields) -> str:
    return ', '.join(filter(None, (fields.isa, on_threads(fields.threads) if fields.threads else '')))

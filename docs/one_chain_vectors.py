"""The golden vectors: their inputs, of which the operations of one_chain.py compute the results, and their file."""
import json
import sys
from math import inf, ldexp, nan
from pathlib import Path

from one_chain import *

# ---- inputs ----
def linear_congruential(state):
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        yield state >> 33
WORDS = linear_congruential(1)
def plain(): return F(ldexp(next(WORDS) - 2 ** 30, -30))
def spread(low, high): return F(ldexp(pick((1, -1)) * (1 + abs(plain())), low + next(WORDS) % (high - low + 1)))
def pick(values): return values[next(WORDS) % len(values)]
def vector(n, draw=plain): return [draw() for _ in range(n)]
def matrix(m, n, draw=plain): return [vector(n, draw) for _ in range(m)]
def norm(n, draw=plain):
    arrays = *matrix(2, n, draw), vector(n), list(map(abs, vector(n)))
    return dict(zip(('gamma', 'beta', 'running_mean', 'running_var'), arrays))

SPECIAL = [sign * v for sign in (1, -1) for v in constants(
    '0x0p0 0x1p-149 0x1.8p-130 0x1.fffffcp-127 0x1p-126 0x1.4p-100 0x1p-25 0x1.62e42ep-2 0x1.62e430p-2 0x1p0 0x1.2p3 '
    '0x1.154p4 0x1.3ffffep4 0x1.4p4 0x1.400002p4 0x1.5d58ap6 0x1.62e42ep6 0x1.9d1dap6 0x1.9fe368p6 0x1.9ffffep6 '
    '0x1.ap6 0x1.a00002p6 0x1.fffffep127 inf nan')]
NEAR = constants('0x1p0 -0x1p0 0x1.000002p0 -0x1.000002p0 0x1.fffffep-1 -0x1.fffffep-1 0x1p12 -0x1p12 0x1p-149')
FACTORS = (lambda: pick(SPECIAL), lambda: spread(62, 65), lambda: pick(NEAR), plain, lambda: spread(-75, 65),
           lambda: spread(-76, -72))
SAMPLES = (plain, lambda: plain() + 1000, lambda: F(123456.7), lambda: plain() / 4 - 1000000,
           lambda: spread(-149, -120), lambda: spread(58, 66))
SHAPES = (1, 1, 1), (2, 3, 5), (7, 2, 3), (3, 5, 7), (5, 17, 2), (1, 7, 17), (17, 1, 5), (2, 33, 3), (7, 3, 1)

def activation_cases():
    values = SPECIAL + vector(35, lambda: 8 * plain()) + vector(34, lambda: spread(-30, 7))
    x, dy = ([[values[(17 * i + j) * stride % 119] for j in range(17)] for i in range(7)] for stride in (1, 5))
    for activation in OLDER:
        yield from cases_of_activation(activation, x, dy)

def cases_of_activation(activation, x, dy):
    for alpha in (0, 0.3, 1) if activation in ('leaky-relu', 'elu', 'hard-sigmoid') else (0,):
        args = {'activation': activation, 'alpha': F(alpha)}
        yield activation_forward, args, {'x': x}
        given = {'x': x} if activation in FROM_INPUT else activation_forward(x=x, **args)
        yield activation_backward, args, dict(given, dy=dy)

def newer_activation_cases():
    near = constants('0x1.8p1 -0x1.8p1 0x1.8p2 0x1.7ffffep2 0x1.b8p6 -0x1.b8p6 -0x1.b7fffep6 0x1.dp3 -0x1.dp3 -0x1.cb4p3 '
                     '0x1.6p3 -0x1.6p3 -0x1.44p3 -0x1p2')
    values = SPECIAL + near + vector(35, lambda: 8 * plain()) + vector(30, lambda: spread(-30, 7))
    x, dy = ([[values[(17 * i + j) * stride % 129] for j in range(17)] for i in range(8)] for stride in (1, 5))
    for activation in list(ACTIVATIONS)[7:]:
        yield from cases_of_activation(activation, x, dy)

def softmax_cases():
    for i, n in enumerate((1, 2, 3, 7, 15, 16, 17, 31, 33, 40)):
        x = matrix(3, n, (plain, lambda: 9 * plain(), lambda: spread(-20, 7))[i % 3])
        if i % 4 == 3:
            x[1][n // 2] = F((inf, nan, -inf)[i // 4])
        for logarithm in 0, 1:
            yield softmax, {'logarithm': logarithm}, {'x': x}

def newer_dense_cases():
    for i, activation in enumerate(list(ACTIVATIONS)[7:] * 3):
        yield from dense_case(activation, F(0.3), 28 + i, *SHAPES[(2 * i + 1) % len(SHAPES)])

def sgemm_cases():
    shapes = [SHAPES[5 * i % len(SHAPES)] for i in range(64)] + [(2, 1, 513), (1, 1, 700), (1, 129, 2), (17, 33, 3)]
    for i, (m, n, k) in enumerate(shapes):
        draw, ta, tb = FACTORS[(i + i // 4) % len(FACTORS)], i % 2, i // 2 % 2
        alpha, beta = (F((0, 1, -1, 0.3)[i // step % 4 if i < 64 else 1]) for step in (4, 16))
        a, b, c = (matrix(*shape, draw) for shape in ((k, m) if ta else (m, k), (n, k) if tb else (k, n), (m, n)))
        for unread in [c] * (beta == 0) + [a, b] * (alpha == 0):
            unread[0][0] = F(nan)
        args = {'transpose_a': ta, 'transpose_b': tb, 'm': m, 'n': n, 'k': k, 'alpha': alpha, 'beta': beta}
        yield sgemm, args, {'a': a, 'b': b, 'c': c}

def batch_norm_cases():
    shapes = [(2, 1), (3, 5), (5, 3), (255, 1), (33, 2), (1, 6), (257, 2), (300, 1), (513, 1), (256, 1), (17, 7)]
    for i, (m, n) in enumerate(shapes + [(7, 6), (513, 2), (600, 1), (700, 1)]):
        x = columns(vector(m, SAMPLES[(i + j) % len(SAMPLES) if m < 500 else 0]) for j in range(n))
        given = dict(norm(n), x=[[v + F(r // 256 * 0.7) for v in row] for r, row in enumerate(x)])
        if i == 2:
            given['x'][1][0], given['x'][2][1] = F(nan), F(inf)
        for training in range(m > 254, 1 + (m > 1)):
            args = {'training': training, 'unbiased': i % 2, 'eps': F(1e-5), 'momentum': F((0.9, 0, 0)[i % 3])}
            yield batch_norm_forward, args, given
        if 1 < m and m * n < 600:
            kept = {**given, **batch_norm_forward(**args, **given), 'dy': matrix(m, n, lambda: plain() + i % 3)}
            yield batch_norm_backward, {}, {name: kept[name] for name in ('x', 'dy', 'gamma', 'mean', 'inv_std')}

def fold_cases():
    for i, (k, n) in enumerate(((1, 1), (3, 5), (5, 3), (17, 7), (33, 2), (300, 1), (7, 5))):
        given = norm(n, (plain, lambda: spread(-149, -140))[i // 5])
        given.update({'bias': vector(n)} if i % 2 else {}, w=matrix(k, n, FACTORS[3 + i % 3]))
        if n == 5:  # a channel with gamma 0, and one without variance
            given['gamma'][1], given['running_mean'][1], given['running_var'][1:3] = F(0), F(1e9), [F(0), F(0)]
        yield fold_batch_norm, {'eps': F(1e-3), 'largest_x': F((1, 0, 255)[i % 3])}, given

def dense_cases():
    large = (257, 2, 2), (513, 1, 2), (300, 2, 1)
    for i in range(28):
        m, n, k = large[i // 7] if i % 7 == 3 and i < 21 else SHAPES[(2 * i + 1) % len(SHAPES)]
        yield from dense_case(OLDER[i % 7], F((0.3, 1, 0)[i // 7 % 3]), i, m, n, k)

def dense_case(activation, alpha, i, m, n, k):
    normalized, training = i % 3 > 0, i % 3 == 1 and m > 1
    args = {'activation': activation, 'alpha': alpha}
    given = {'x': matrix(m, k, lambda: 4 * plain()), 'w': matrix(k, n)}
    given.update({'bias': vector(n)} if i % 4 else {}, **norm(n) if normalized else {})
    forward = dict(args, training=int(training), **{'eps': F(1e-5), 'momentum': F(0.9)} if normalized else {})
    yield dense_forward, forward, given
    if training or not normalized:
        kept = {**given, **dense_forward(**forward, **given), 'dy': matrix(m, n, lambda: spread(-20, 2))}
        from_input = activation in FROM_INPUT
        names = ['x', 'w', 'z' if from_input else 'y', 'dy']
        if normalized:
            names += ['beta' if from_input else 'z', 'gamma', 'mean', 'inv_std']
        yield dense_backward, dict(args, learning_rate=F(0.1)), {name: kept[name] for name in names}

def loss_cases():
    for i, n in enumerate([2, *range(1, 41)] + [2, 3, 5, 9] * 15):
        m = 513 if i == 0 else 2 if i < 41 else 1
        x = matrix(m, n, (plain, lambda: 9 * plain(), lambda: spread(-149, 127))[i % 3])
        if i % 8 == 5:
            x[0][n // 2] = F((inf, nan, -inf, -inf)[i // 8 % 4])
        if n % 10 == 7:
            x = [[F(v)] * n for v in (-inf, nan, -0.0)]
        yield softmax_cross_entropy, {'labels': [next(WORDS) % n for _ in x]}, {'x': x}
        if i < 41 and n in (2, 3, 5, 17, 33):
            x = matrix(7, n, lambda: pick([F(v) for v in (0, 1, 2, 3, 4, inf, nan, -inf)]))
            yield top_k_correct, {'labels': [next(WORDS) % n for _ in x], 'k': 1 + i % n}, {'x': x}

def optimizer_cases():
    steps = ('sgd', 1), ('momentum', 1), ('nesterov', 1), ('adam', 1), ('adam', 2), ('adam', 1000)
    for draw in plain, lambda: spread(-80, -60), lambda: spread(55, 66), lambda: pick(SPECIAL):
        for i, (name, step) in enumerate(steps):
            args = {'optimizer': name, 'learning_rate': F((0.1, 1e-3, 1)[i % 3]), 'momentum': F((0.9, 0.5)[i % 2]),
                    'beta2': F(0.999), 'eps': F(1e-8), 'weight_decay': F((0, 0.01, 0.3)[i * 5 % 7 % 3]), 'step': step}
            w, g, m, v = matrix(4, pick((33, 17, 5, 1, 7)), draw)
            yield optimizer_step, args, {'w': w, 'g': g, 'm': m, 'v': list(map(abs, v))}

def gather_cases():
    for divisor in F(255), F(1), F(3), F(127.3), F(65536):
        for n in 1, 7, 17, 64, 67:
            x = [[F(next(WORDS) % 256) for _ in range(n)] for _ in range(5)]  # bytes
            yield gather, {'divisor': divisor, 'rows': [next(WORDS) % 5 for _ in range(7)]}, {'x': x}

def weighted_loss_cases():
    for i, n in enumerate((1, 3, 10, 17, 2)):
        x = matrix(300 if n == 2 else 5, n, lambda: 9 * plain())
        args = {'labels': [next(WORDS) % n for _ in x]}
        yield softmax_cross_entropy, args, {'x': x, 'weights': vector(len(x), lambda: 3 * abs(plain()))}

def elementwise_loss_cases():
    for k, function in enumerate(LOSSES):
        for i, n in enumerate((1, 2, 3, 7, 15, 16, 17, 33, 50, 1)):
            m = 520 if i == 9 else 3
            draw = (lambda: 4 * plain(), lambda: spread(-30, 7), lambda: pick(SPECIAL), plain)[i % 4]
            x, targets = matrix(m, n, draw), matrix(m, n, draw)
            if function == 'logistic' and i % 3:
                targets = matrix(m, n, (lambda: F(next(WORDS) % 2), lambda: abs(plain()))[i % 3 - 1])
            elif n % 2:
                targets[0][n // 2] = x[0][n // 2]
            given = {'x': x, 'targets': targets}
            given.update({'weights': vector(m, lambda: 3 * abs(plain()))} if (i + k) % 3 == 0 else {})
            yield elementwise_loss, {'function': function, 'delta': F((1, 0.3, 2.5)[i % 3])}, given

def dropout_cases():
    numbers = 0, 1, 2 ** 32, 2 ** 53 - 1, 0x12345678abcde, 0xfffffffff
    for i, n in enumerate((1, 2, 15, 16, 17, 31, 48, 63, 64, 65, 130, 200)):
        args = {'rate': F((0.5, 0.1, 0, 0.9)[i % 4]), 'seed': numbers[i % 6], 'stream': numbers[(i * 5 + 2) % 6],
                'first_row': (0, 7, 2 ** 32 - 3)[i % 3]}
        yield dropout, args, {'x': matrix(3, n, (plain, lambda: pick(SPECIAL))[i % 5 == 4])}

def part_cases():
    for i, (cuts, n) in enumerate([((0, 2, 9), 33), ((0, 5, 100, 270), 3), ((0, 250, 260, 520), 1), ((0, 256, 300), 2)]):
        m, parts = cuts[-1], list(zip(cuts, cuts[1:]))
        x, dy, kept = columns(vector(m, SAMPLES[(i + j) % 4]) for j in range(n)), matrix(m, n), norm(n)
        count = len(blocks(x)); carry = [F(nan)] * (3 * n * count)  # a read of NaN would show
        for second_pass in 0, 1:
            for begin, end in parts:
                at = slice(3 * n * (begin // 256), -(-end // 256) * 3 * n)
                args = {'second_pass': second_pass, 'first_row': begin, 'batch_rows': m}
                given = {'x': x[begin:end], 'moments': carry[at]}
                yield batch_norm_moments, args, given
                carry[at] = batch_norm_moments(**args, **given)['moments']
        args = {'unbiased': i % 2, 'eps': F(1e-5), 'momentum': F(0.9)}
        running = {name: kept[name] for name in ('running_mean', 'running_var')}
        merged = {}
        for b, size in [(0, count)] if i % 2 else [(b, 1) for b in range(count)]:
            place = {'first_block': b, 'blocks': size, 'batch_rows': m, **(args if b + size == count else {})}
            given = dict(merged, moments=carry[3 * n * b:3 * n * (b + size)], **(running if b + size == count else {}))
            yield batch_norm_merge, place, given
            out = batch_norm_merge(**place, **given); merged = {'merged': out['merged']}
        known = {name: out[name] for name in ('mean', 'inv_std')}
        sums = {False: {}, True: {}}
        for begin, end in parts:
            for has_norm in sums:
                given = dict(sums[has_norm], dy=dy[begin:end], **(dict(known, x=x[begin:end]) if has_norm else {}))
                yield column_sums, {'first_row': begin, 'batch_rows': m}, given
                sums[has_norm] = column_sums(begin, m, **given)
        begin, end = parts[-1]; end = min(end, begin + 20)
        here = dict(known, x=x[begin:end], gamma=kept['gamma'])
        args.update(training=0, of_batch=1, activation=('elu', 'identity', 'gelu', 'relu')[i], alpha=F(0.5))
        yield batch_norm_forward, args, dict(here, beta=kept['beta'])
        gradients = {'dbeta': sums[True]['sums'][:n], 'dgamma': sums[True]['sums'][2 * n:3 * n]}
        yield batch_norm_backward, {'of_batch': 1, 'batch_rows': m}, dict(here, dy=dy[begin:end], **gradients)
        weights = {'weights': vector(7, lambda: 3 * abs(plain()))} if i % 2 else {}
        x, targets = matrix(7, 3 + i, lambda: 4 * plain()), matrix(7, 3 + i, lambda: abs(plain()))
        yield softmax_cross_entropy, {'labels': [j % 3 for j in range(7)], 'batch_rows': m}, dict(weights, x=x)
        args = {'function': list(LOSSES)[i], 'delta': F(1), 'batch_rows': m}
        yield elementwise_loss, args, dict(weights, x=x, targets=targets)

# ---- the file ----
def encode(value):
    if not isinstance(value, list) or isinstance(value[0], int):
        return '%08x' % bits(value) if isinstance(value, F) else value
    rows = value if isinstance(value[0], list) else [value]
    return {'rows': len(rows), 'columns': len(rows[0]), 'bits': ''.join(encode(v) for row in rows for v in row)}

def line(op, args, given):
    parts = [{name: encode(v) for name, v in part.items()} for part in (args, given, op(**args, **given))]
    return json.dumps(dict(zip(('op', 'args', 'in', 'out'), (op.__name__, *parts))))

def main():
    path = Path(__file__).with_name('golden_vectors.json')
    groups = activation_cases, sgemm_cases, batch_norm_cases, fold_cases, dense_cases, loss_cases, optimizer_cases, \
        gather_cases, newer_activation_cases, newer_dense_cases, softmax_cases, weighted_loss_cases, \
        elementwise_loss_cases, dropout_cases, part_cases
    lines = [line(*case) for group in groups for case in group()]
    text = '{"format": "lanefold-vectors-2", "cases": [\n' + ',\n'.join(lines) + '\n]}\n'
    if sys.argv[1:] == ['write']:
        path.write_text(text)
    if path.read_text() != text:
        sys.exit('docs/golden_vectors.json: not what docs/one_chain.py computes; run it with the argument write')
    print('docs/golden_vectors.json: all %d vectors are as computed' % len(lines))

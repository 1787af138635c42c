#!/usr/bin/env python3
"""docs/numerics.md as a program: every operation of that page in plain Python, with an exact fma.

It follows the page and the public headers alone.  The golden vectors are therefore a second opinion, and not an echo of
the kernels.  Lines and names are those of the page.  Where a kernel and this program differ, one of them is wrong, or
the page is.

    python3 docs/one_chain.py          checks that golden_vectors.json is what this program computes
    python3 docs/one_chain.py write    writes golden_vectors.json
"""
from functools import reduce
from math import copysign, inf, isfinite, isnan, ldexp, nan, sqrt as sqrt_in_double
from struct import pack, unpack

class F(float):
    """A binary32.  + - * / are computed in double and rounded again.  The second rounding is harmless.  A product is exact
    in double, and so is a sum that is subnormal.  A quotient either lies half-way between two floats, or differs from
    that point by at least 2^-50 of itself."""
    def __new__(cls, x):
        try:
            return super().__new__(cls, unpack('<f', pack('<f', x))[0])
        except OverflowError:
            return super().__new__(cls, copysign(inf, x))
    __add__ = __radd__ = lambda a, b: F(float.__add__(a, b))
    __mul__ = __rmul__ = lambda a, b: F(float.__mul__(a, b))
    __sub__ = lambda a, b: F(float.__sub__(a, b))
    __rsub__ = lambda a, b: F(float.__rsub__(a, b))
    __truediv__ = lambda a, b: F(float.__truediv__(a, b) if b != 0 else a * copysign(inf, b))
    __rtruediv__ = lambda a, b: F(b) / a
    __neg__ = lambda a: F(float.__neg__(a))
    __abs__ = lambda a: F(float.__abs__(a))

def sqrt(x): return F(nan) if x < 0 else F(sqrt_in_double(x))
def bits(x): return 0x7fc00000 if isnan(x) else unpack('<I', pack('<f', x))[0]
def of_bits(i): return F(unpack('<f', pack('<I', i & 0xffffffff))[0])

def fma(a, b, c):
    """a * b + c, rounded once.  Integers make it exact: a float counts units of 2^-149, and the sum units of 2^-298."""
    plain = float(a) * float(b) + float(c)  # correct if it is zero, infinite or NaN; otherwise only its sign is used
    if plain == 0 or not isfinite(plain):
        return F(plain)
    exact = abs(int(ldexp(a, 149)) * int(ldexp(b, 149)) + (int(ldexp(c, 149)) << 149))
    drop = max(exact.bit_length() - 24, 149)
    kept, rest = divmod(exact, 1 << drop)
    kept += 2 * rest + kept % 2 > 1 << drop
    return F(copysign(ldexp(kept, drop - 298), plain))

# ---- functions ----
def constants(text): return [F.fromhex(word) for word in text.split()]
def horner(r, coefficients): return reduce(lambda q, coefficient: fma(q, r, coefficient), constants(coefficients))
def power_of_two(n): return of_bits(bits(n + M) << 23)
M = F.fromhex('0x1.8p23') + 127
LOG2_E, LN2, LN2_REST = constants('0x1.715476p0 0x1.62e430p-1 -0x1.05c610p-29')
SELU, SELU_ALPHA = constants('0x1.0cfabep0 0x1.c212ccp0')

def expm1(x):
    x = F(-20) if x < -20 else x; t = fma(x, LOG2_E, M); n = t - M
    r = fma(n, -LN2, x)
    e = fma(r * r, horner(r, '0x1.6c6428p-10 0x1.122408p-7 0x1.5555acp-5 0x1.5554b6p-3 0x1p-1'), r)
    return fma(power_of_two(n), e, power_of_two(n) - 1)

def parts_of_exp(x, low=None):
    n = fma(x, LOG2_E, M) - M
    r = fma(n, -LN2_REST, fma(n, -LN2, x))
    r = r if low is None else r + low
    e = fma(r * r, horner(r, '0x1.a2d99ep-13 0x1.6d2e04p-10 0x1.110fc2p-7 0x1.555502p-5 0x1.555556p-3 0x1p-1'), r)
    h = fma(n, F(0.5), M) - M
    return lambda z=F(1): fma(z * power_of_two(h), e, z * power_of_two(h)) * power_of_two(n - h)

def exp(x): return parts_of_exp(F(-104) if x < -104 else x)()

def log(x):
    i = bits(x) - 0x3f3504f3; e = F(i >> 23)
    f = of_bits((i & 0x7fffff) + 0x3f3504f3) - 1
    q = horner(f, '0x1.2cb40ep-4 -0x1.ddb2cep-4 0x1.dc75e8p-4 -0x1.fbbf2ep-4 0x1.23de40p-3 -0x1.556288p-3 '
                  '0x1.999d2ap-3 -0x1.ffffe6p-3 0x1.555554p-2')
    low = fma(e, LN2_REST, fma((f * f) * f, q, (f * f) * -0.5))
    return fma(e, LN2, f + low) if isfinite(x) else x

def quotient(a, b, c):
    s = b + c; lost = c - (s - b); i = 1 / s; q = a * i
    return fma(fma(0 - q, lost, fma(0 - q, s, a)), i, q)

def tanh(x):
    t = expm1(-2 * abs(x))
    return F(copysign(quotient(t, F(2), t), x))
def logistic(x):
    e = exp(0 - abs(x))
    return quotient(e if x < 0 else F(1), F(1), e)

def with_sign(value, x): return F(copysign(value, x))
def at_most(x, most): return F(most) if most < abs(x) else abs(x)
def softplus(x):
    e = exp(0 - abs(x)); w = quotient(e + e, F(2), e)
    q = horner(w * w, '0x1.1ed7c8p-11 0x1.1ebd0cp-9 0x1.99d208p-7 0x1.555502p-4')
    return fma(w * (w * w), q, F(0) if x < 0 else x) + w
def hard_sigmoid(x, alpha):
    t = fma(alpha, x, F(0.5))
    return F(1) if 1 <= t else F(0) if t <= 0 else t
def step(y, most, inside):
    return (inside if y > 0 else F(0) if y <= 0 else y) if y < most else F(0) if y >= most else y

def exponent(f): return F(-110) if 0 - f < -110 else 0 - f
def t_product(x, a, most, f, *low):
    e = parts_of_exp(exponent(f), *(0 - v for v in low))
    y = quotient(e(a) if x < 0 else a, F(1), e())
    return with_sign(x if most <= x else y, x)
def d_product(x, a, f, df):
    e = parts_of_exp(exponent(f))(); r = 1 / (1 + e)
    u = (e * r) * fma(0 - a * df, r, F(1))
    return u if x < 0 else 1 - u

def silu(x): return t_product(x, at_most(x, 110), 110, at_most(x, 110))
def silu_derivative(x): return d_product(x, at_most(x, 110), at_most(x, 110), F(1))
SIXTH, THIRD = constants('0x1.555556p-3 0x1.555556p-2')
def hard_swish(x):
    p = x * (x + 3); q = p * SIXTH
    return with_sign(x if 3 <= x else F(0) if x <= -3 else fma(fma(q, F(-6), p), SIXTH, q), x)
def hard_swish_derivative(x): return F(1) if 3 <= x else F(0) if x <= -3 else fma(x, THIRD, F(0.5))

TAIL_P = '0x1.c5744ep-8 0x1.d2dafap-5 0x1.d4d60ap-3 0x1.fa95c2p-2'
TAIL_V = '0x1.c30830p-8 0x1.d4cb04p-5 0x1.b46984p-3 0x1.988272p-2'
TAIL_Q = '0x1.1abd86p-6 0x1.253c4ap-3 0x1.2e5e8ep-1 0x1.62474cp0 0x1.c98d16p0 0x1p0'
PHI, C, C_LOW, D, D_LOW = constants('0x1.988454p-2 0x1.988454p0 -0x1.857936p-25 0x1.2444f2p-4 0x1.49b16ap-29')
def gauss(a):
    s = a * a; low = fma(a, a, 0 - s)
    return parts_of_exp(s * F(-0.5), low * F(-0.5))
def gelu(x):
    a = at_most(x, 14.5)
    p, v, q = (horner(a, coefficients) for coefficients in (TAIL_P, TAIL_V, TAIL_Q))
    t = gauss(a)(fma(a * p, a, a * 0.5) / q if a < 1 else PHI - v / q)
    return with_sign(t if x < 0 else x - t, x)
def gelu_derivative(x):
    a = at_most(x, 14.5)
    p, v, q = (horner(a, coefficients) for coefficients in (TAIL_P, TAIL_V, TAIL_Q))
    u = gauss(a)(fma(a, -PHI, fma(p, a, F(0.5)) / q if a < 1 else (PHI - v / q) / a))
    return u if x < 0 else 1 - u
def gelu_tanh(x):
    a = at_most(x, 11); s = a * a; s_low = fma(a, a, 0 - s)
    b = D * s; b_low = fma(D, s_low, fma(D, s, 0 - b)) + D_LOW * s
    t = C + b; v = t - C; t_low = ((C - (t - v)) + (b - v)) + (b_low + C_LOW)
    f = a * t; f_low = fma(a, t_low, fma(a, t, 0 - f))
    return t_product(x, a, 11, f, f_low)
def gelu_tanh_derivative(x):
    a = at_most(x, 11); s = a * a
    return d_product(x, a, a * fma(D, s, C), fma(3 * D, s, C))

FROM_INPUT = 'silu', 'hard-swish', 'gelu', 'gelu-tanh'
ACTIVATIONS = {  # the value, and the derivative from y, or from x for FROM_INPUT; a is alpha
    'identity': (lambda x, a: x, lambda y, a: F(1)),
    'relu': (lambda x, a: F(0) if x <= 0 else x, lambda y, a: F(1) if y > 0 else F(0) if y <= 0 else y),
    'leaky-relu': (lambda x, a: x * a if x < 0 else x, lambda y, a: F(1) if y > 0 else a if y <= 0 else y),
    'elu': (lambda x, a: a * expm1(x) if x < 0 else x, lambda y, a: F(1) if y > 0 else y + a),
    'selu': (lambda x, a: SELU_ALPHA * expm1(x) if x < 0 else SELU * x, lambda y, a: SELU if y > 0 else y + SELU_ALPHA),
    'tanh': (lambda x, a: tanh(x), lambda y, a: fma(0 - y, y, F(1))),
    'logistic': (lambda x, a: logistic(x), lambda y, a: y * (1 - y)),
    'relu6': (lambda x, a: F(6) if 6 <= x else F(0) if x <= 0 else x, lambda y, a: step(y, 6, F(1))),
    'softplus': (lambda x, a: softplus(x), lambda y, a: 0 - expm1(0 - y)),
    'hard-sigmoid': (hard_sigmoid, lambda y, a: step(y, 1, a)),
    'silu': (lambda x, a: silu(x), lambda x, a: silu_derivative(x)),
    'hard-swish': (lambda x, a: hard_swish(x), lambda x, a: hard_swish_derivative(x)),
    'gelu': (lambda x, a: gelu(x), lambda x, a: gelu_derivative(x)),
    'gelu-tanh': (lambda x, a: gelu_tanh(x), lambda x, a: gelu_tanh_derivative(x)),
}
OLDER = list(ACTIVATIONS)[:7]

# ---- chains and sums; a matrix is a list of its rows ----
def columns(matrix): return [list(column) for column in zip(*matrix)]
def chain(start, a, b): return reduce(lambda c, pair: fma(*pair, c), zip(a, b), start)
def add(values): return reduce(F.__add__, values, F(0))
def blocks(rows): return [rows[i:i + 256] for i in range(0, len(rows), 256)]
def block_sum(values): return add(map(add, blocks(values)))

def deviations(x, base, low=F(0), squares=F(0)):
    d = [x_i - base for x_i in x]
    return reduce(F.__add__, d, low), chain(squares, d, d)
def moments_of(base, low, squares, r):
    shift = low / r; rest = fma(0 - low, shift, squares)
    return base, shift, F(0) if rest < 0 else rest, r
def block_moments(x):
    r = F(len(x)); base = add(x) / r
    return moments_of(base, *deviations(x, base), r)

def merge(rows, block):
    (base, shift, m2, r), (base_b, shift_b, m2_b, r_b) = rows, block
    delta = ((base_b - base) + shift_b) - shift; share = r_b / (r + r_b)
    return base, fma(delta, share, shift), (m2 + m2_b) + (delta * delta) * (share * r), r + r_b
def moments(x):
    """The mean of a column, and M2, the sum of squared deviations from it."""
    base, shift, m2, _ = reduce(merge, map(block_moments, blocks(x)))
    return base + shift, m2

def parts_of_blocks(first_row, batch_rows, rows):
    """The rows that a part has of each block, with how many rows the block has, and whether it begins and ends there."""
    while rows:
        begin = first_row // 256 * 256; end = min(begin + 256, batch_rows); here = rows[:end - first_row]
        yield here, F(end - begin), first_row == begin, first_row + len(here) == end
        first_row, rows = first_row + len(here), rows[len(here):]

# ---- operations ----
def sgemm(transpose_a, transpose_b, m, n, k, alpha, beta, a, b, c):
    a, b_columns = columns(a) if transpose_a else a, b if transpose_b else columns(b)
    c = [[F(0) if beta == 0 else beta * c_ij for c_ij in row] for row in c]
    scaled = [[alpha * a_p for a_p in row] if alpha != 0 else [] for row in a]
    return {'c': [[chain(c[i][j], scaled[i], b_columns[j]) for j in range(n)] for i in range(m)]}

def activation_forward(activation, alpha, x):
    return {'y': [[ACTIVATIONS[activation][0](v, alpha) for v in row] for row in x]}
def activation_backward(activation, alpha, dy, y=None, x=None):
    given = x if activation in FROM_INPUT else y
    return {'dx': [[d * ACTIVATIONS[activation][1](v, alpha) for d, v in zip(*rows)] for rows in zip(dy, given)]}

def statistics(m, mean, m2, unbiased, eps, momentum, running_mean, running_var):
    m = F(m); var = [v / m for v in m2]
    kept = [v / (m - 1) for v in m2] if unbiased else var
    return {'running_mean': [fma(momentum, r, (1 - momentum) * v) for r, v in zip(running_mean, mean)],
            'running_var': [fma(momentum, r, (1 - momentum) * v) for r, v in zip(running_var, kept)],
            'mean': mean, 'inv_std': [1 / sqrt(v + eps) for v in var]}

def batch_norm_forward(training, unbiased, eps, momentum, x, gamma, beta, running_mean=None, running_var=None,
                       of_batch=0, mean=None, inv_std=None, activation='identity', alpha=F(0)):
    out = {}
    if training:
        mean, m2 = columns(map(moments, columns(x)))
        out = statistics(len(x), mean, m2, unbiased, eps, momentum, running_mean, running_var)
        mean, inv_std = out.pop('mean'), out.pop('inv_std')
    elif not of_batch:
        mean, inv_std = running_mean, [1 / sqrt(v + eps) for v in running_var]
    s = [g * i for g, i in zip(gamma, inv_std)]
    y = [[fma(v - mean_j, s_j, beta_j) for v, mean_j, s_j, beta_j in zip(row, mean, s, beta)] for row in x]
    out.update(activation_forward(activation, alpha, y))
    return dict(out, mean=mean, inv_std=inv_std) if training else out

def batch_norm_backward(x, dy, gamma, mean, inv_std, of_batch=0, batch_rows=0, dgamma=None, dbeta=None):
    m, per_column = F(batch_rows or len(x)), []
    for j, (x_j, dy_j) in enumerate(zip(columns(x), columns(dy))):
        xhat = [(v - mean[j]) * inv_std[j] for v in x_j]
        b = dbeta[j] if of_batch else block_sum(dy_j)
        g = dgamma[j] if of_batch else add(chain(F(0), d, h) for d, h in zip(blocks(dy_j), blocks(xhat)))
        dx = [(gamma[j] * inv_std[j]) * fma(h, 0 - g / m, d - b / m) for h, d in zip(xhat, dy_j)]
        per_column.append((dx, g, b))
    dx, dgamma, dbeta = columns(per_column)
    return {'dx': columns(dx)} if of_batch else {'dx': columns(dx), 'dgamma': dgamma, 'dbeta': dbeta}

def batch_norm_moments(second_pass, first_row, batch_rows, x, moments):
    n, out = len(x[0]), list(moments)
    for b, (rows, r, begins, ends) in enumerate(parts_of_blocks(first_row, batch_rows, x)):
        for j, x_j in enumerate(columns(rows)):
            at = slice(3 * n * b + j, 3 * n * (b + 1), n); total, low, squares = out[at]
            if begins and ends:
                out[at] = out[at] if second_pass else block_moments(x_j)[:3]
            elif not second_pass:
                out[at] = reduce(F.__add__, x_j, F(0) if begins else total), low, squares
            else:
                carry = deviations(x_j, total / r, *(() if begins else (low, squares)))
                out[at] = moments_of(total / r, *carry, r)[:3] if ends else (total, *carry)
    return {'moments': out}

def batch_norm_merge(first_block, blocks, batch_rows, moments, merged=None, running_mean=None, **norm):
    n = len(moments) // (3 * blocks); r = F(256 * first_block)
    per_column = [merged[j::n] + [r] for j in range(n)] if first_block else [None] * n
    for b in range(blocks):
        r_b = F(min(256, batch_rows - 256 * (first_block + b)))
        of = [(*moments[3 * n * b + j:3 * n * (b + 1):n], r_b) for j in range(n)]
        per_column = [merge(rows, block) if rows else block for rows, block in zip(per_column, of)]
    base, shift, m2, _ = columns(per_column)
    out = {'merged': base + shift + m2}
    if running_mean:
        out.update(statistics(batch_rows, list(map(F.__add__, base, shift)), m2, running_mean=running_mean, **norm))
    return out

def column_sums(first_row, batch_rows, dy, sums=None, x=None, mean=None, inv_std=None):
    n = len(dy[0]); ones = [[F(1)] * n for _ in dy]
    xhat = x and [[(v - mu) * i for v, mu, i in zip(row, mean, inv_std)] for row in x]
    out = sums[:] if sums else [F(0)] * (4 * n if x else 2 * n)
    for pair, factor in enumerate([ones, xhat] if x else [ones]):
        for rows, _, _, ends in parts_of_blocks(first_row, batch_rows, list(zip(dy, factor))):
            for j in range(n):
                at = slice(2 * n * pair + j, 2 * n * (pair + 1), n); finished, goes_on = out[at]
                goes_on = reduce(lambda s, row: fma(row[0][j], row[1][j], s), rows, goes_on)
                out[at] = (finished + goes_on, F(0)) if ends else (finished, goes_on)
    return {'sums': out}

def fold_batch_norm(eps, largest_x, w, gamma, beta, running_mean, running_var, bias=None):
    k, X, per_column = F(len(w)), largest_x, []
    for j, w_j in enumerate(columns(w)):
        s = gamma[j] * (1 / sqrt(running_var[j] + eps))
        b = (bias[j] if bias else F(0)) - running_mean[j]
        folded, folded_bias, h = [v * s for v in w_j], fma(b, s, beta[j]), abs(b)
        relative = fma(k + 6, add(map(abs, folded)) * X, fma(k + 2, abs(folded_bias), 6 * (h * abs(s))))
        absolute = fma(X, add(map(abs, w_j)) + k, (k + 8) + h)
        bound = fma(F.fromhex('0x1p-148'), absolute, F.fromhex('0x1.4p-24') * relative) if k <= 2 ** 20 else F(inf)
        per_column.append((folded, folded_bias, bound))
    folded, folded_bias, bound = columns(per_column)
    return {'folded_w': columns(folded), 'folded_bias': folded_bias, 'error_bound': bound}

def dense_forward(training, activation, alpha, x, w, bias=None, **norm):
    out = {'z': [[chain(start, row, w_j) for start, w_j in zip(bias or [F(0)] * len(w[0]), columns(w))] for row in x]}
    out.update(batch_norm_forward(training, 0, x=out['z'], **norm) if norm else {'y': out['z']})
    return dict(out, **activation_forward(activation, alpha, out['y']))

def dense_backward(activation, alpha, learning_rate, x, w, dy, y=None, z=None, beta=None, **norm):
    t = z
    if norm and activation in FROM_INPUT:
        t = [[fma(v - mu, gamma * inv_std, b) for v, mu, gamma, inv_std, b in
              zip(row, norm['mean'], norm['gamma'], norm['inv_std'], beta)] for row in z]
    out = activation_backward(activation, alpha, dy, y, t)
    if norm:
        out = batch_norm_backward(z, out['dx'], **norm)
    dz, dz_columns = out['dx'], columns(out['dx'])
    out['dbias'] = [block_sum(dz_j) for dz_j in dz_columns]
    out['dw'] = [[chain(F(0), x_p, dz_j) for dz_j in dz_columns] for x_p in columns(x)]
    out['dx'] = [[chain(F(0), row, w_p) for w_p in w] for row in dz]
    out['updated_w'] = [[fma(-learning_rate, d, v) for d, v in zip(*rows)] for rows in zip(out['dw'], w)]
    return out

def sum_in_lanes(row):
    lanes = [add(row[lane::16]) for lane in range(16)]
    for half in 8, 4, 2, 1:
        lanes = [lanes[i] + lanes[i + half] for i in range(half)]
    return lanes[0]

def exponentials(row):
    largest = max((v for v in row if not isnan(v)), default=F(nan))
    e = [exp(v - largest) for v in row]
    return largest, e, sum_in_lanes(e)

def softmax(logarithm, x):
    y = []
    for row in x:
        largest, e, total = exponentials(row)
        y.append([(v - largest) - log(total) for v in row] if logarithm else [v / total for v in e])
    return {'y': y}

def softmax_cross_entropy(labels, x, weights=None, batch_rows=0):
    m, losses, dx = F(batch_rows or len(x)), [], []
    for row, label, weight in zip(x, labels, weights or [F(1)] * len(x)):
        largest, e, total = exponentials(row)
        losses.append((log(total) - (row[label] - largest)) * weight)
        p = [v / total for v in e]
        p[label] = p[label] - 1
        dx.append([(v / m) * weight for v in p])
    return {'loss': [block_sum(losses) / F(len(x))], 'dx': dx, **({'losses': losses} if batch_rows else {})}

def sign(d): return F(1) if d > 0 else F(-1) if d < 0 else d
def huber(a, delta): return (F(0.5) * a) * a if a <= delta else delta * (a - F(0.5) * delta)
def clipped(d, delta): return delta if d > delta else -delta if d < -delta else d
LOSSES = {  # the loss of a prediction x with the target t, and its derivative
    'squared': (lambda x, t, delta: (x - t) * (x - t), lambda x, t, delta: (x - t) + (x - t)),
    'absolute': (lambda x, t, delta: abs(x - t), lambda x, t, delta: sign(x - t)),
    'huber': (lambda x, t, delta: huber(abs(x - t), delta), lambda x, t, delta: clipped(x - t, delta)),
    'logistic': (lambda x, t, delta: ((F(0) if x <= 0 else x) - t * x) + softplus(0 - abs(x)),
                 lambda x, t, delta: logistic(x) - t),
}

def elementwise_loss(function, delta, x, targets, weights=None, batch_rows=0):
    value, derivative = LOSSES[function]
    elements, losses, dx = F((batch_rows or len(x)) * len(x[0])), [], []
    for row, target, weight in zip(x, targets, weights or [F(1)] * len(x)):
        losses.append(sum_in_lanes([value(v, t, delta) for v, t in zip(row, target)]) * weight)
        dx.append([(derivative(v, t, delta) * weight) / elements for v, t in zip(row, target)])
    loss = block_sum(losses) / F(len(x) * len(x[0]))
    return {'loss': [loss], 'dx': dx, **({'losses': losses} if batch_rows else {})}

def top_k_correct(labels, k, x):
    above = lambda row, label: sum(v > row[label] or (v == row[label] and j < label) for j, v in enumerate(row))
    return {'correct': sum(not isnan(row[label]) and above(row, label) < k for row, label in zip(x, labels))}

def philox(counter, key):
    """Philox4x32-10: four words of 32 bits."""
    c, (k0, k1) = counter, key
    for _ in range(10):
        a, b = 0xd2511f53 * c[0], 0xcd9e8d57 * c[2]
        c = (b >> 32) ^ c[1] ^ k0, b & 0xffffffff, (a >> 32) ^ c[3] ^ k1, a & 0xffffffff
        k0, k1 = (k0 + 0x9e3779b9) & 0xffffffff, (k1 + 0xbb67ae85) & 0xffffffff
    return c

def dropout(rate, seed, stream, first_row, x):
    halves = lambda v: (v & 0xffffffff, v >> 32)
    number = lambda i, j: philox((16 * (j // 64) + j % 16, first_row + i, *halves(stream)), halves(seed))[j // 16 % 4]
    below, scale = int(ldexp(rate, 32)), 1 / (1 - rate)
    return {'y': [[F(0) if number(i, j) < below else v * scale for j, v in enumerate(row)] for i, row in enumerate(x)]}

def power(b, p, result=1.0):
    while p:
        result, b, p = result * b if p % 2 else result, b * b, p // 2
    return result

def gather(divisor, rows, x):
    return {'y': [[v / divisor for v in x[row]] for row in rows]}

def optimizer_step(optimizer, learning_rate, momentum, beta2, eps, weight_decay, step, w, g, m, v):
    rate, mu, beta1 = learning_rate, momentum, momentum
    w = [(1 - rate * weight_decay) * w_i for w_i in w]
    if optimizer == 'adam':
        adam_rate = F(-float(rate) / (1 - power(float(beta1), step)))
        c = F(1 / (1 - power(float(beta2), step)))
        m = [fma(beta1, m_i, (1 - beta1) * g_i) for m_i, g_i in zip(m, g)]
        v = [fma(beta2, v_i, ((1 - beta2) * g_i) * g_i) for v_i, g_i in zip(v, g)]
        w = [w_i + (adam_rate * m_i) / (sqrt(v_i * c) + eps) for w_i, m_i, v_i in zip(w, m, v)]
        return {'w': w, 'm': m, 'v': v}
    m = m if optimizer == 'sgd' else [fma(mu, m_i, g_i) for m_i, g_i in zip(m, g)]
    d = g if optimizer == 'sgd' else m if optimizer == 'momentum' else [fma(mu, m_i, g_i) for m_i, g_i in zip(m, g)]
    return {'w': [fma(-rate, d_i, w_i) for d_i, w_i in zip(d, w)], 'm': m, 'v': v}

if __name__ == '__main__':
    from one_chain_vectors import main  # which imports this program as a module
    main()

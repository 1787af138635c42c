#!/usr/bin/env python3
"""docs/numerics.md as a program: every operation of that page in plain Python, with an exact fma.

It follows the page and the public headers alone.  The golden vectors are therefore a second opinion, and not an echo of
the kernels.  Lines and names are those of the page.  Where a kernel and this program differ, one of them is wrong, or
the page is.

    python3 docs/one_chain.py          checks that golden_vectors.json is what this program computes
    python3 docs/one_chain.py write    writes golden_vectors.json
"""
import json
import sys
from functools import reduce
from math import copysign, inf, isfinite, isnan, ldexp, nan, sqrt as sqrt_in_double
from pathlib import Path
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

def block_moments(x):
    r = F(len(x))
    base = add(x) / r; d = [x_i - base for x_i in x]
    low = add(d); squares = chain(F(0), d, d)
    shift = low / r; rest = fma(0 - low, shift, squares); m2 = F(0) if rest < 0 else rest
    return base, shift, m2, r

def moments(x):
    """The mean of a column, and M2, the sum of squared deviations from it."""
    (base, shift, m2, r), *others = map(block_moments, blocks(x))
    for base_b, shift_b, m2_b, r_b in others:
        delta = ((base_b - base) + shift_b) - shift; share = r_b / (r + r_b)
        m2 = (m2 + m2_b) + (delta * delta) * (share * r)
        shift = fma(delta, share, shift)
        r = r + r_b
    return base + shift, m2

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

def batch_norm_forward(training, unbiased, eps, momentum, x, gamma, beta, running_mean, running_var):
    m, mean, var, out = F(len(x)), running_mean, running_var, {}
    if training:
        mean, m2 = columns(map(moments, columns(x)))
        var = [v / m for v in m2]
        kept = [v / (m - 1) for v in m2] if unbiased else var
        out = {'running_mean': [fma(momentum, r, (1 - momentum) * v) for r, v in zip(running_mean, mean)],
               'running_var': [fma(momentum, r, (1 - momentum) * v) for r, v in zip(running_var, kept)]}
    inv_std = [1 / sqrt(v + eps) for v in var]
    s = [g * i for g, i in zip(gamma, inv_std)]
    out['y'] = [[fma(v - mean_j, s_j, beta_j) for v, mean_j, s_j, beta_j in zip(row, mean, s, beta)] for row in x]
    return dict(out, mean=mean, inv_std=inv_std) if training else out

def batch_norm_backward(x, dy, gamma, mean, inv_std):
    m, per_column = F(len(x)), []
    for x_j, dy_j, gamma_j, mean_j, inv_std_j in zip(columns(x), columns(dy), gamma, mean, inv_std):
        xhat = [(v - mean_j) * inv_std_j for v in x_j]
        dbeta = block_sum(dy_j); dgamma = add(chain(F(0), d, h) for d, h in zip(blocks(dy_j), blocks(xhat)))
        dx = [(gamma_j * inv_std_j) * fma(h, 0 - dgamma / m, d - dbeta / m) for h, d in zip(xhat, dy_j)]
        per_column.append((dx, dgamma, dbeta))
    dx, dgamma, dbeta = columns(per_column)
    return {'dx': columns(dx), 'dgamma': dgamma, 'dbeta': dbeta}

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

def softmax_cross_entropy(labels, x, weights=None):
    m, losses, dx = F(len(x)), [], []
    for row, label, weight in zip(x, labels, weights or [F(1)] * len(x)):
        largest, e, total = exponentials(row)
        losses.append((log(total) - (row[label] - largest)) * weight)
        p = [v / total for v in e]
        p[label] = p[label] - 1
        dx.append([(v / m) * weight for v in p])
    return {'loss': [block_sum(losses) / m], 'dx': dx}

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

def elementwise_loss(function, delta, x, targets, weights=None):
    value, derivative = LOSSES[function]
    elements, losses, dx = F(len(x) * len(x[0])), [], []
    for row, target, weight in zip(x, targets, weights or [F(1)] * len(x)):
        losses.append(sum_in_lanes([value(v, t, delta) for v, t in zip(row, target)]) * weight)
        dx.append([(derivative(v, t, delta) * weight) / elements for v, t in zip(row, target)])
    return {'loss': [block_sum(losses) / elements], 'dx': dx}

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
        elementwise_loss_cases, dropout_cases
    lines = [line(*case) for group in groups for case in group()]
    text = '{"format": "lanefold-vectors-2", "cases": [\n' + ',\n'.join(lines) + '\n]}\n'
    if sys.argv[1:] == ['write']:
        path.write_text(text)
    if path.read_text() != text:
        sys.exit('docs/golden_vectors.json: not what docs/one_chain.py computes; run it with the argument write')
    print('docs/golden_vectors.json: all %d vectors are as computed' % len(lines))

if __name__ == '__main__':
    main()

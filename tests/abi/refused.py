#!/usr/bin/env python3
"""Checks that misuse of lanefold.hpp does not compile, and that correct use of the same code does. Only Clang warns of
some misuse, because it reads the attribute lifetimebound.

usage: refused.py INCLUDE C++_COMPILER..."""

import subprocess
import sys

from public_headers import compile_text

# Each case is what is tested, right code and wrong code, which stand in a function or, with `function:`, by themselves.
CASES = (
    ('a mutable view of a temporary layer', 'DenseLayer l(2, 3); LayerView v = l;', 'LayerView v = DenseLayer(2, 3);'),
    ('a mutable view of a constant layer', 'const DenseLayer l(2, 3); ConstLayerView v = l.view();',
     'const DenseLayer l(2, 3); LayerView v = l.view();'),
    ('mutable weights of a constant layer', 'const DenseLayer l(2, 3); ConstMatrix v = l.weights();',
     'const DenseLayer l(2, 3); Matrix v = l.weights();'),
    ('a mutable view of a temporary normalization', 'BatchNorm b(2); BatchNormView v = b;',
     'BatchNormView v = BatchNorm(2);'),
    ('a mutable view of a constant normalization', 'const BatchNorm b(2); ConstBatchNormView v = b;',
     'const BatchNorm b(2); BatchNormView v = b;'),
    ('a mutable view of a constant one', 'LayerView l; ConstLayerView v = l;', 'ConstLayerView l; LayerView v = l;'),
    ('a C struct of constant statistics', 'BatchNormView b; auto v = b.c_struct();',
     'ConstBatchNormView b; auto v = b.c_struct();'),
    ('training of a constant layer', 'DenseLayer v(2, 3); c.dense_forward(x, v, y, {}, LF_TRAINING);',
     'const DenseLayer v(2, 3); c.dense_forward(x, v, y, {}, LF_TRAINING);'),
    ('an update of a constant layer', 'DenseLayer v(2, 3); c.dense_backward_and_update({}, v, x, {}, 1);',
     'const DenseLayer v(2, 3); c.dense_backward_and_update({}, v, x, {}, 1);'),
    ('gradients that go away', 'DenseGradients g(DenseLayer(2, 3)); GradientView v = g;',
     'GradientView v = DenseGradients(DenseLayer(2, 3));'),
    ('an output that goes away', 'std::vector<float> v; c.optimizer_step({}, v, v);',
     'std::vector<float> v; c.optimizer_step({}, std::vector<float>(), v);'),
    ('a context of bool threads', 'Context v(1);', 'Context v(true);'),
    ('a context of 4.5 threads', 'Context v(4);', 'Context v(4.5);'),
    ('a context of a wider number of threads', 'Context v(short{4});', 'Context v(int64_t{4});'),
    ('a network of bool inputs', 'NetworkBuilder v(1);', 'NetworkBuilder v(true);'),
    ('a layer of 4.5 outputs', 'NetworkBuilder v(1); v.dense(4);', 'NetworkBuilder v(1); v.dense(4.5);'),
    ('an executor of bool threads', 'auto pool = [](int64_t, Task) {}; auto v = make_executor(pool, 1);',
     'auto pool = [](int64_t, Task) {}; auto v = make_executor(pool, true);'),
    ('a pool that goes away', 'auto pool = [](int64_t, Task) {}; auto v = make_executor(pool, 1);',
     'auto v = make_executor([](int64_t, Task) {}, 1);'),
    ('a log that goes away', 'lf_context_options v{}; auto log = [](int32_t, const char *) {}; set_log(v, log);',
     'lf_context_options v{}; set_log(v, [](int32_t, const char *) {});'),
    ('an owner that is overwritten by way of its base', 'Context v; v = Context();',
     'Context v; static_cast<ContextCalls<ThrowErrors> &>(v) = c;'),
    ('a network that is thrown away', 'auto v = c.make_network({});', 'int v = 0; c.make_network({});'),
    ('packed weights that are thrown away', 'auto v = c.pack_weights(x);', 'int v = 0; c.pack_weights(x);'),
)
CLANG_CASES = (
    ('a view of a temporary layer', 'c.dense_forward(x, DenseLayer(2, 3), y); int v = 0;',
     'ConstLayerView v = DenseLayer(2, 3);'),
    ('view() of a temporary layer', 'DenseLayer l; auto v = l.view();', 'auto v = DenseLayer(2, 3).view();'),
    ('a layer for inference of a temporary one', 'auto v = c.make_network({DenseLayer(2, 3)});',
     'InferenceLayer v = DenseLayer(2, 3);'),
    ('an operand of a temporary layer', 'DenseLayer l(2, 3); Operand v = transpose(l.weights());',
     'Operand v = transpose(DenseLayer(2, 3).weights());'),
    ('a layer for inference of a temporary vector', 'std::vector<float> b(3); InferenceLayer v(x, b);',
     'InferenceLayer v(x, std::vector<float>(3));'),
    ('a view of a temporary vector', 'auto v = c.top_k_correct(x, std::vector<int32_t>(3));',
     'ConstVector v = std::vector<float>(3);'),
    ('a view of a temporary context', 'ContextView v = c;', 'ContextView v = Context(1);'),
    ('nothrow() of a temporary context', 'auto v = c.nothrow();', 'auto v = Context(1).nothrow();'),
    ('the value of a temporary result', 'auto v = NothrowContext::plugins().value();',
     'auto &&v = NothrowContext::plugins().value();'),
    ('a reference to a temporary network', 'NetworkBuilder b(2); auto &v = b.dense(3);',
     'auto &v = NetworkBuilder(2).dense(3);'),
    ('a view of a local vector', 'function: ConstVector f(const std::vector<float> &v) { return v; }',
     'function: ConstVector f() { std::vector<float> v(3); return v; }'),
    ('a view of a local array', 'function: Vector f(float (&v)[3]) { return v; }',
     'function: Vector f() { float v[3] = {}; return v; }'),
)


def compiled(compiler, *pieces):
    """The compiler's messages about pieces of code; "" if there are none."""
    source = '#include <lanefold/lanefold.hpp>\n#include <vector>\nusing namespace lanefold;\n'
    for number, code in enumerate(pieces):
        if code.startswith('function: '):
            code = code[len('function: '):]
        else:
            code = 'void f(const Context &c, ConstMatrix x, Matrix y) { %s (void)c, (void)x, (void)y, (void)v; }' % code
        source += 'namespace piece_%d {\n%s\n}\n' % (number, code)
    return compile_text(compiler, 'c++', 'c++17', source, sys.argv[1])


def main():
    compiler = sys.argv[2:]
    version = subprocess.run(compiler + ['--version'], capture_output=True, text=True, check=True).stdout
    cases = CASES + (CLANG_CASES if 'clang' in version else ())
    problems = ['%s: this compiles: %s' % (title, wrong) for title, _, wrong in cases if not compiled(compiler, wrong)]
    messages = compiled(compiler, *(right for _, right, _ in cases))
    if messages:
        problems.append('the right code does not compile:\n%s' % messages)
    if problems:
        sys.exit('\n'.join(problems))
    print('%d kinds of misuse do not compile%s' % (
        len(cases), '' if 'clang' in version else '; SKIPPED: %d that only Clang notices' % len(CLANG_CASES)))


if __name__ == '__main__':
    main()

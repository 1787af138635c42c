#!/usr/bin/env python3
"""broken.py COMMAND FOLDER VARIANT:CHECK[,CHECK]...: runs `COMMAND conform` on FOLDER/broken-VARIANT.so.  Each of these
checks must fail, or cannot be run.  Without any check, those of HOLDING must hold, and on the variant "nothing" no
check fails.  Every check that applies to this machine has a variant that breaks it."""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

NAMES = {'no_name': ''}
PRIORITIES = {'other_priority': 400}
NEEDS = {'needs_both': 'avx2 neon'}  # no CPU has both
RUNS_ON = {  # flags of /proc/cpuinfo
    'undeclared_avx': 'avx',
    'undeclared_fma': 'fma',
    'undeclared_avx512': 'avx512f',
    'undeclared_mask': 'avx512f',
    'uses_bmi': 'bmi2',
}
WITHOUT_MANIFEST = ('no_manifest',)
ALSO_RUN = {'no_manifest': ['entry']}  # checks that must not fail
HOLDING = {  # checks that a variant might break, but does not
    'needs_threaded_library': ['quiet-opening'],
    'uses_bmi': ['cpu-features'],
    'alternates_order': ['newer-structs', 'concurrent', 'shared-packing'],
}
WORDS = {  # what the findings must contain: a text, or several
    ('coarse', 'strides'): 'sgemm has wrong results; see error-bounds',
    ('loses_sign', 'special-values'): ', elu, alpha',
    ('undeclared_avx', 'cpu-features'): 'uses avx, which',
    ('undeclared_fma', 'cpu-features'): 'uses fma, which',
    ('undeclared_avx512', 'cpu-features'): 'uses avx512f, which',
    ('undeclared_mask', 'cpu-features'): 'uses avx512f, which',
    ('no_manifest', 'manifest'): 'write it with the lines name, vendor, priority and needs',
    ('no_manifest', 'library'): 'the check "manifest" fails',
    ('no_manifest', 'one-chain'): 'None: the check "manifest" fails',
    ('no_name', 'one-chain'): 'None: ',
    ('other_priority', 'one-chain'): 'None: ',
    ('other_order', 'one-chain'): 'False: ',
    ('joins_unseen_thread', 'own-threads'): 'cannot be forbidden here',
    ('coarse_everywhere', 'error-bounds'): (': sgemm, ', ': dense_infer, ', ': activation_forward, '),
    ('coarse', 'error-bounds'): ', beta 0.3, LF_TRANSPOSE_A',
}
HANGING = ('hangs', 'leaves_group', 'closes_files', 'waits_for_task')
PROCESSES = 4  # run at the same time; those that hang only wait
PATIENCE = 20  # of those that do not hang: nobody waits for it, and a busy machine can stand still for seconds


def conform(command, module, *options, patience=PATIENCE):
    done = subprocess.run([command, 'conform', module, '--json', '--patience', str(patience), *options],
                          capture_output=True, text=True, timeout=200)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        sys.exit('%s: no JSON, but status %d\n%s%s' % (module, done.returncode, done.stdout, done.stderr))


def install(folder, broken, to, variant=None):
    """A folder with the module and its manifest alone, which nobody else may write.  The manifest may be that of another
    variant."""
    variant = variant or broken
    os.makedirs(to, mode=0o755)
    module = os.path.join(to, 'sound.so')
    shutil.copy(os.path.join(folder, 'broken-%s.so' % broken), module)
    os.chmod(module, 0o755)
    if variant == 'needs_threaded_library':
        shutil.copy(os.path.join(folder, 'libthreaded.so'), to)
    if variant not in WITHOUT_MANIFEST:
        with open(os.path.join(to, 'sound.manifest'), 'w', encoding='utf-8') as file:
            file.write('name %s\nvendor tests\npriority %d\nneeds %s\n' % (
                NAMES.get(variant, 'sound'), PRIORITIES.get(variant, 500), NEEDS.get(variant, '')))
    return module


def failed(report):
    findings = {check['name']: check['findings'] for check in report['checks']
                if check['state'] in ('fails', 'not run')}
    if report['one_chain'] is not True and report['one_chain_reason']:
        findings['one-chain'] = ['%s: %s' % (report['one_chain'], report['one_chain_reason'])]
    return findings


def flags_of_cpu():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        return set(file.read().split())


def wrong_with_badge(command, folder, place):
    """What is not as expected of badge.py on a CPU that lacks what a plugin needs."""
    module = install(folder, 'nothing', os.path.join(place, 'needs_both'), 'needs_both')
    done = subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), 'badge.py'), command, module],
                          stdout=subprocess.PIPE, text=True, timeout=200)
    if done.returncode != 77 or 'SKIPPED: this CPU lacks ' not in done.stdout:
        return ['badge.py does not skip: status %d, %s' % (done.returncode, done.stdout)]
    return []


def wrong_with(command, module, variant, checks):
    """What is not as expected of this variant, and which checks have failed."""
    if variant == 'nothing':
        status, report = conform(command, module)
        if status != 0 or not report['conforms'] or report['one_chain'] is not True:
            return 'it conforms, but %r, %s' % (failed(report), report['one_chain_reason']), set(), report
        return None, set(), report
    only = ','.join(checks + ALSO_RUN.get(variant, []) + HOLDING.get(variant, []))
    status, report = conform(command, module, '--only', only, **({'patience': 0.5} if variant in HANGING else {}))
    failures = set(failed(report))
    holding = [check['name'] for check in report['checks'] if check['state'] == 'holds']
    if variant in HOLDING and holding != HOLDING[variant]:
        return 'expected that %s hold: %s' % (HOLDING[variant], report['checks']), failures, report
    for name, findings in failed(report).items():
        words = WORDS.get((variant, name), '')
        if not all(word in '\n'.join(findings) for word in ([words] if isinstance(words, str) else words)):
            return '%s lacks the expected words: %s' % (name, findings), failures, report
    if failures != set(checks):
        return 'expected failures of %s, not of %s' % (checks, sorted(failures)), failures, report
    if status != (0 if set(checks) <= {'one-chain'} else 1) or (status == 0) != report['conforms']:
        return 'the status is %d' % status, failures, report
    return None, failures, report


def main(command, folder, *given):
    expectations = list(given)
    os.umask(0o022)
    wrong, broken, known = [], set(), set()
    flags = flags_of_cpu()
    for expectation in list(expectations):
        variant, _, checks = expectation.partition(':')
        if RUNS_ON.get(variant, '') and RUNS_ON[variant] not in flags:
            print('SKIPPED: %s, because this CPU lacks %s' % (variant, RUNS_ON[variant]))
            expectations.remove(expectation)
            broken |= set(checks.split(','))
    with tempfile.TemporaryDirectory() as place:
        def outcome_of(expectation):
            variant, _, checks = expectation.partition(':')
            checks = checks.split(',') if checks else []
            module = install(folder, variant, os.path.join(place, variant))
            return (variant, checks, *wrong_with(command, module, variant, checks))

        with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
            outcomes = list(pool.map(outcome_of, expectations))
        wrong += wrong_with_badge(command, folder, place)
        for variant, checks, problem, failures, report in outcomes:
            broken |= failures
            if variant == 'nothing':
                known = {check['name'] for check in report['checks'] if check['state'] == 'holds'} | {'one-chain'}
            if problem:
                wrong.append('%s: %s' % (variant, problem))
            for name, findings in failed(report).items():
                print('%-24s %-15s %s' % (variant, name, findings[0]))
    for name in sorted(known - broken - {'module'}):
        wrong.append('no variant breaks the check %s' % name)
    # A file that is not a module is the one fault that plugin.c cannot have.
    with tempfile.NamedTemporaryFile(suffix='.so') as text:
        text.write(b'not a module')
        text.flush()
        status, report = conform(command, text.name)
        if status != 1 or 'module' not in failed(report):
            wrong.append('a text file is taken for a module')
    print('%d variants, %d checks' % (len(expectations), len(known)))
    for line in wrong:
        print('WRONG ' + line)
    sys.exit(1 if wrong or not known else 0)


main(*sys.argv[1:])

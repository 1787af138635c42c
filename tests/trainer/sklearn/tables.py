"""tables.py LANEFOLD: the tables of scikit-learn, learned by `lanefold train` and by its MLPClassifier.

Both have the same network (one hidden layer, ReLU, Glorot's uniform weights), the same rows, standardization, optimizer
and number of epochs.  With the seeds of scikit-learn 1.2, the mean accuracy of five seeds is at least the same on every
table.  Other versions draw other numbers, so the test allows two rows of all held-out ones.  Exit code 77 (Meson's "skipped") without scikit-learn."""
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

try:
    import numpy
    import sklearn
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print('SKIPPED:', missing)
    sys.exit(77)

DATA = Path(sklearn.__file__).parent / 'datasets' / 'data'
# The files as scikit-learn has them, and the options that read them.
TABLES = {'iris': ('iris.csv', ['--skip-lines', '1']), 'wine': ('wine_data.csv', ['--skip-lines', '1']),
          'breast cancer': ('breast_cancer.csv', ['--skip-lines', '1']), 'digits': ('digits.csv.gz', [])}
HIDDEN, BATCH, EPOCHS, SEEDS, MOST_ROWS = 100, 32, 100, 5, 2


def rows_of(file):
    skipped = 0 if file.endswith('.gz') else 1
    return numpy.loadtxt(DATA / file, delimiter=',', skiprows=skipped)


def by_lanefold(command, folder, seed):
    done = subprocess.run(
        [command, 'train', '--data', folder / 'train.csv', '--test', folder / 'test.csv', '--standardize', '--hidden',
         str(HIDDEN), '--batch-size', str(BATCH), '--epochs', str(EPOCHS), '--optimizer', 'adam', '--learning-rate',
         '0.001', '--batch-norm', 'off', '--activation', 'relu', '--init', 'xavier-uniform', '--seed', str(seed), '--json', '--quiet'], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])['test_accuracy']


def by_sklearn(train, test, seed):
    scaler = StandardScaler().fit(train[:, :-1])
    network = MLPClassifier((HIDDEN,), batch_size=BATCH, max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)
        network.fit(scaler.transform(train[:, :-1]), train[:, -1])
    return network.score(scaler.transform(test[:, :-1]), test[:, -1])


def main(command):
    worse = []
    for name, (file, options) in TABLES.items():
        rows = rows_of(file)
        # The file as it is: every row is read, and every class is found.
        subprocess.run([command, 'train', '--data', DATA / file, *options, '--epochs', '1', '--quiet'], check=True,
                       capture_output=True)
        ours, theirs, seconds = [], [], [0.0, 0.0]
        with tempfile.TemporaryDirectory() as place:
            for seed in range(SEEDS):
                train, test = train_test_split(rows, test_size=0.3, random_state=seed, stratify=rows[:, -1])
                for part, values in (('train', train), ('test', test)):
                    numpy.savetxt(Path(place) / (part + '.csv'), values, delimiter=',', fmt='%.9g')
                begin = time.perf_counter()
                ours.append(by_lanefold(command, Path(place), seed))
                middle = time.perf_counter()
                theirs.append(by_sklearn(train, test, seed))
                seconds[0] += middle - begin
                seconds[1] += time.perf_counter() - middle
        mine, other = numpy.mean(ours), numpy.mean(theirs)
        print('%-14s accuracy %.4f, scikit-learn %.4f; %.2f s, scikit-learn %.2f s' % (name, mine, other, *seconds))
        if (other - mine) * SEEDS * len(test) > MOST_ROWS + 0.5:
            worse.append(name)
    if worse:
        sys.exit('less accurate than scikit-learn: ' + ', '.join(worse))


if __name__ == '__main__':
    main(*sys.argv[1:])

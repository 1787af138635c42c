"""training_test.py COMMAND EXAMPLE: trainings in Python have the bits of the command `lanefold train`."""
import gc
import gzip
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import typing
import weakref

import lanefold
import lanefold.types
import numpy

import support

COMMAND, EXAMPLE = sys.argv[1:3]
del sys.argv[1:]


def write_idx(path, values):
    with gzip.open(path, 'wb') as file:
        file.write(bytes([0, 0, 8, values.ndim]) + numpy.array(values.shape, '>u4').tobytes() + values.tobytes())


def read_checkpoint(path):
    with open(path, 'rb') as file:
        data = file.read()
    begin = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:begin])
    return {name: numpy.frombuffer(data[begin:][slice(*entry['data_offsets'])], numpy.float32).reshape(entry['shape'])
            for name, entry in header.items() if name != '__metadata__'}


class Cycle:
    def __init__(self, trainer):
        self.trainer = trainer


class Training(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        generator = numpy.random.RandomState(1)
        for part, count in (('train', 430), ('t10k', 50)):
            labels = generator.randint(0, 10, count).astype(numpy.uint8)
            images = generator.randint(0, 256, (count, 28, 28)).astype(numpy.uint8)
            images[numpy.arange(count), labels] = 255
            write_idx('%s/%s-images-idx3-ubyte.gz' % (cls.place.name, part), images)
            write_idx('%s/%s-labels-idx1-ubyte.gz' % (cls.place.name, part), labels)
            if part == 'train':
                cls.images, cls.labels = images.reshape(count, -1), labels.astype(numpy.int32)

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def by_command(self, *options):
        path = os.path.join(self.place.name, 'model.safetensors')
        subprocess.run([COMMAND, 'train', '--data', self.place.name, '--quiet', '--save', path, *options], check=True,
                       stdout=subprocess.DEVNULL)
        return read_checkpoint(path)

    def by_python(self, layers, trainer, epochs, batch, seed=1):
        for epoch in range(1, epochs + 1):
            order = lanefold.random.permutation(len(self.images), seed=seed, epoch=epoch)
            for first in range(0, len(order), batch):
                rows = order[first:first + batch]
                if len(rows) == 1 and layers[0].batch_norm:
                    continue
                trainer.step(lanefold.gather(self.images, rows), self.labels[rows])

    def compare(self, layers, trainer, checkpoint):
        arrays = dict(trainer.state)
        for i, layer in enumerate(layers):
            owners = [(layer, ('w', 'bias'))]
            if layer.batch_norm:
                owners.append((layer.batch_norm, ('gamma', 'beta', 'running_mean', 'running_var')))
            for owner, names in owners:
                arrays.update({'layers.%d.%s' % (i, name): getattr(owner, name) for name in names
                               if getattr(owner, name) is not None})
        self.assertEqual(sorted(arrays), sorted(checkpoint))
        for name, values in arrays.items():
            self.assert_same_bits(values, checkpoint[name], name)

    def test_the_example_prints_the_hash_of_the_command(self):
        spec = importlib.util.spec_from_file_location('train', EXAMPLE)
        example = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(example)
        layers = example.train(self.place.name, epochs=2)
        hashed = hashlib.sha256(b''.join(a.tobytes() for layer in layers for a in layer.parameters())).hexdigest()
        said = subprocess.run([COMMAND, 'train', '--data', self.place.name, '--quiet', '--epochs', '2'], check=True,
                              stdout=subprocess.PIPE, universal_newlines=True).stdout
        self.assertIn('SHA-256 of the parameters ' + hashed, said)

    def test_optimizers_batches_and_seeds(self):
        cases = (
            (dict(optimizer='sgd', learning_rate=0.05), 100, 3, []),
            (dict(optimizer='momentum', momentum=0.8), 33, 1, ['--momentum', '0.8']),  # the last batch has one image
            (dict(optimizer='nesterov', weight_decay=0.01), 200, 2**40 + 7, ['--weight-decay', '0.01']),
            (dict(optimizer='adam', learning_rate=0.001), 50, 0, ['--learning-rate', '0.001']),
        )
        for options, batch, seed, more in cases:
            layers = lanefold.dense_layers([784, 40, 10], seed=seed)
            trainer = lanefold.Trainer(layers, **options)
            self.by_python(layers, trainer, 3, batch, seed)
            if options['optimizer'] == 'sgd':
                more = ['--learning-rate', '0.05']
            checkpoint = self.by_command('--hidden', '40', '--epochs', '3', '--batch-size', str(batch), '--seed', str(seed),
                                         '--optimizer', options['optimizer'], *more)
            with self.subTest(options['optimizer']):
                self.compare(layers, trainer, checkpoint)

    def test_initial_weights_and_activations_without_normalization(self):
        cases = (('he-truncated', None, 'relu'), ('he-normal', 'out', 'leaky-relu'), ('he-uniform', None, 'elu'),
                 ('xavier-normal', None, 'tanh'), ('xavier-uniform', 'in', 'logistic'), ('xavier-tanh-normal', None, 'tanh'),
                 ('xavier-tanh-uniform', None, 'tanh'), ('lecun-normal', 'avg', 'selu'))
        for init, fan, activation in cases:
            layers = lanefold.dense_layers([784, 30, 20, 10], activation, batch_norm=False, seed=5, init=init, fan=fan)
            trainer = lanefold.Trainer(layers)
            self.by_python(layers, trainer, 1, 200, 5)
            more = ['--fan', fan] if fan else []
            checkpoint = self.by_command('--hidden', '30,20', '--epochs', '1', '--seed', '5', '--batch-norm', 'off', '--init',
                                         init, '--activation', activation, *more)
            with self.subTest(init=init):
                self.compare(layers, trainer, checkpoint)

    def test_command_and_package_know_the_same_words(self):
        words = {'init': lanefold.random.INITIALIZERS, 'activation': typing.get_args(lanefold.types.Activation),
                 'optimizer': typing.get_args(lanefold.types.Optimizer)}
        for option, known in words.items():
            said = subprocess.run([COMMAND, 'train', '--' + option, 'nonsense'], stderr=subprocess.PIPE,
                                  universal_newlines=True).stderr
            self.assertIn('(known: %s)' % ', '.join(known), said)

    def test_a_training_continues_bit_for_bit(self):
        layers = lanefold.dense_layers([784, 40, 10])
        trainer = lanefold.Trainer(layers, optimizer='adam')
        self.by_python(layers, trainer, 1, 100)
        copies = lanefold.dense_layers([784, 40, 10], seed=9)
        for layer, copy in zip(layers, copies):
            for values, target in zip(layer.parameters(), copy.parameters()):
                target[:] = values
        later = lanefold.Trainer(copies, optimizer='adam')
        later.steps = trainer.steps
        for name, values in trainer.state.items():
            later.state[name][:] = values
        for one in (trainer, later):
            self.by_python(layers if one is trainer else copies, one, 2, 100, seed=2)
        for layer, copy in zip(layers, copies):
            for values, other in zip(layer.parameters(), copy.parameters()):
                self.assert_same_bits(values, other)

    def small_trainer(self, **options):
        layers = lanefold.dense_layers([6, 5, 3], 'elu')
        generator = numpy.random.RandomState(3)
        x, labels = generator.rand(8, 6).astype(numpy.float32), generator.randint(0, 3, 8).astype(numpy.int32)
        return layers, lanefold.Trainer(layers, **options), x, labels

    def test_a_refused_step_changes_nothing(self):
        def set_alpha(layers, trainer, x):
            layers[1].activation, layers[1].alpha = 'elu', numpy.nan

        def set_eps(layers, trainer, x):
            layers[1].batch_norm.eps = -1

        def set_momentum(layers, trainer, x):
            layers[1].batch_norm.momentum = 2

        def share_weights(layers, trainer, x):
            layers[1].batch_norm.gamma = layers[0].batch_norm.beta[:3]

        def share_state(layers, trainer, x):
            layers[1].batch_norm.gamma = trainer.state['layers.0.gamma.m'][2:5]

        def share_input(layers, trainer, x):
            layers[1].batch_norm.beta = x[7, :3]

        def resize_state(layers, trainer, x):
            trainer.state['layers.1.w.v'].resize((2, 2), refcheck=False)

        def remove_norm(layers, trainer, x):
            layers[1].batch_norm = None

        def freeze_state(layers, trainer, x):
            trainer.state['layers.1.beta.m'].flags.writeable = False
        cases = (
            (set_alpha, 'layers[1]: alpha is nan, but must be '), (set_eps, 'layers[1]: batch_norm.eps is -1, but must be '),
            (set_momentum, 'layers[1]: batch_norm.momentum is 2, but must be '),
            (share_weights, 'layers[1].batch_norm.gamma overlaps layers[0].batch_norm.beta; expected memory of its own'),
            (share_state, "state['layers.0.gamma.m'] overlaps layers[1].batch_norm.gamma; expected memory of its own"),
            (share_input, 'layers[1].batch_norm.beta overlaps x; expected memory of its own'),
            (resize_state, "state['layers.1.w.v'] has the shape (2, 2); expected (5, 3)"),
            (remove_norm, 'layers[1].batch_norm was removed after the trainer was made; make a new one'),
            (freeze_state, "state['layers.1.beta.m'] is read-only; expected a writable array"),
        )
        for spoil, message in cases:
            layers, trainer, x, labels = self.small_trainer(optimizer='adam')
            trainer.step(x, labels)
            spoil(layers, trainer, x)
            arrays = [values for layer in layers for values in layer.parameters()] + list(trainer.state.values()) + [x]
            before = [values.copy() for values in arrays]
            with self.subTest(spoil.__name__):
                with self.assertRaises(ValueError) as caught:
                    trainer.step(x, labels)
                self.assertTrue(str(caught.exception).startswith('Trainer.step: ' + message), caught.exception)
                self.assertEqual(trainer.steps, 1)
                for values, old in zip(arrays, before):
                    self.assert_same_bits(values, old)

    def test_a_trainer_refuses_numbers_that_its_steps_could_not_use(self):
        layers = lanefold.dense_layers([6, 5, 3], 'elu')
        for options in (dict(learning_rate=-1), dict(learning_rate=numpy.nan), dict(optimizer='adam', beta2=5),
                        dict(optimizer='adam', eps=0), dict(optimizer='momentum', momentum=1), dict(weight_decay=-1)):
            name = list(options)[-1]
            with self.assertRaisesRegex(lanefold.InvalidArgument, '^Trainer: %s is ' % name):
                lanefold.Trainer(layers, **options)
        trainer = lanefold.Trainer(layers)
        with self.assertRaisesRegex(lanefold.InvalidArgument, '^Trainer: learning_rate is inf'):
            trainer.learning_rate = numpy.inf
        self.assert_refused(ValueError, 'Trainer: steps is 9223372036854775807; expected 0 to 2^62', setattr, trainer, 'steps',
                            2**63 - 1)
        layers[1].alpha = numpy.inf
        layers[1].activation = 'elu'
        with self.assertRaisesRegex(lanefold.InvalidArgument, r'^Trainer: layers\[1\]: alpha is inf'):
            lanefold.Trainer(layers)

    def test_the_state_is_a_mapping_that_keeps_its_arrays(self):
        trainer = self.small_trainer(optimizer='momentum')[1]
        with self.assertRaises(TypeError):
            trainer.state['layers.0.w.m'] = numpy.zeros(1, numpy.float32)

    def test_the_list_of_layers_belongs_to_the_trainer(self):
        layers, trainer, x, labels = self.small_trainer()
        trainer.layers.pop()
        layers.pop()
        self.assertEqual(len(trainer.layers), 2)
        trainer.step(x, labels)

        class Growing:
            w, batch_norm, activation, alpha = numpy.zeros((6, 5), numpy.float32), None, 'identity', None

            @property
            def bias(self):
                given.append(self)

        given = [Growing(), lanefold.DenseLayer(5, 3)]
        self.assertEqual(len(lanefold.Trainer(given).layers), 2)

    def test_the_learning_rate_needs_no_other_context(self):
        program = ("import os, lanefold\nos.environ['LANEFOLD_ISA'] = 'none'\n"
                   "context = lanefold.Context(1, isa='portable')\n"
                   "trainer = lanefold.Trainer([lanefold.DenseLayer(2, 2)], context=context)\n"
                   "trainer.learning_rate = 0.5\n")
        subprocess.run([sys.executable, '-c', program], check=True)

    def test_a_collection_while_a_trainer_is_destroyed(self):
        trainer = lanefold.Trainer([support.Collecting(6, 5), support.Collecting(5, 3)], optimizer='adam')
        del trainer
        gc.collect()

    def test_a_cycle_through_a_trainer_is_collected(self):
        layers, trainer, _, _ = self.small_trainer()
        layers[0].activation = Cycle(trainer)
        gone = weakref.ref(layers[0].activation)
        del layers, trainer
        gc.collect()
        self.assertIsNone(gone())

    def test_permutations_skip_numbers_below_the_remainder(self):
        # In 20 epochs of 60,000 samples some number is skipped almost certainly; the slow way finds the same order.
        skipped = 0
        for epoch in range(1, 4):
            numbers = iter(lanefold.random.bits(100100, seed=7, purpose=2, index=epoch).tolist())
            n = 100000
            order = list(range(n))
            for i in range(n, 1, -1):
                number = next(numbers)
                while number < 2**32 % i:
                    number = next(numbers)
                    skipped += 1
                j = number % i
                order[i - 1], order[j] = order[j], order[i - 1]
            self.assertEqual(lanefold.random.permutation(n, seed=7, epoch=epoch).tolist(), order)
        self.assertGreater(skipped, 0)

    def test_small_permutations(self):
        self.assertEqual(lanefold.random.permutation(0, seed=1, epoch=1).tolist(), [])
        self.assertEqual(lanefold.random.permutation(1, seed=1, epoch=1).tolist(), [0])
        self.assertEqual(sorted(lanefold.random.permutation(2, seed=1, epoch=1)), [0, 1])


support.main()

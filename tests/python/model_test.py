"""Networks in files: what Model reads, writes and describes."""
import json
import os
import struct
import tempfile

import lanefold
import numpy

import support


def trained_layers(seed=3):
    """Two layers with values of every kind, and a normalization of the input."""
    array = support.arrays(seed)
    layers = [lanefold.ElementwiseLayer(5, batch_norm=True),
              lanefold.DenseLayer(5, 7, 'leaky-relu', alpha=0.2, batch_norm=lanefold.BatchNorm(7, eps=1e-5, momentum=0.8)),
              lanefold.DenseLayer(7, 3)]
    for layer in layers:
        if layer.w is not None:
            layer.w = array(layer.inputs, layer.outputs)
        if layer.bias is not None:
            layer.bias = array(layer.outputs)
        if layer.batch_norm is not None:
            norm = layer.batch_norm
            norm.gamma, norm.beta, norm.running_mean = (array(layer.outputs) for _ in range(3))
            norm.running_var = array(layer.outputs) ** 2
    return layers


class Models(support.Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def place(self, name):
        return os.path.join(self.folder.name, name)

    def assert_same_layers(self, one, other):
        self.assertEqual([repr(layer) for layer in one], [repr(layer) for layer in other])
        for a, b in zip(one, other):
            self.assertEqual((a.activation, a.alpha), (b.activation, b.alpha))
            for name in ('w', 'bias'):
                self.assertEqual(getattr(a, name) is None, getattr(b, name) is None)
                if getattr(a, name) is not None:
                    self.assert_same_bits(getattr(a, name), getattr(b, name))
            if a.batch_norm is not None:
                for name in ('gamma', 'beta', 'running_mean', 'running_var'):
                    self.assert_same_bits(getattr(a.batch_norm, name), getattr(b.batch_norm, name))
                for name in ('eps', 'momentum', 'unbiased_running_var'):
                    self.assertEqual(getattr(a.batch_norm, name), getattr(b.batch_norm, name))

    def test_each_format_keeps_layers_and_results(self):
        layers = trained_layers()
        x = support.arrays(4)(20, 5)
        expected = lanefold.Network(layers)(x)
        for name in ('a.safetensors', 'a.onnx'):
            model = lanefold.Model(layers, output='softmax', class_names=['a', 'b', 'c'], feature_names=list('vwxyz'))
            self.assert_same_layers(model.layers, layers)
            model.save(self.place(name))
            back = lanefold.Model.open(self.place(name))
            described = back.describe()
            self.assertEqual((described['output'], described['class_names']), ('softmax', ['a', 'b', 'c']))
            if name.endswith('.safetensors'):
                self.assert_same_layers(back.layers, layers)
                self.assertEqual(described['feature_names'], list('vwxyz'))
            logits = back.network(logits=True)(x)
            if name.endswith('.safetensors'):
                self.assert_same_bits(logits, model.network(logits=True)(x))
            self.assertLess(numpy.abs(logits - expected).max(), 1e-5)
            self.assert_same_bits(back.network()(x), lanefold.softmax(logits))
            with open(self.place(name), 'rb') as file:
                content = file.read()
            self.assert_same_bits(lanefold.Model.from_bytes(content).network()(x), back.network()(x))

    def test_a_folded_file_keeps_the_bits_of_the_network(self):
        layers = trained_layers()
        x = support.arrays(4)(20, 5)
        model = lanefold.Model(layers)
        for name in ('folded.onnx', 'folded.safetensors'):
            model.save(self.place(name), folded=True)
            back = lanefold.Model.open(self.place(name))
            self.assertEqual([type(layer) for layer in back.layers], [lanefold.DenseLayer] * 2)
            self.assertTrue(all(layer.batch_norm is None for layer in back.layers))
            self.assert_same_bits(back.network()(x), model.network()(x))

    def tensors(self, name):
        """The floats of a safetensors file."""
        with open(self.place(name), 'rb') as file:
            content = file.read()
        length = struct.unpack('<Q', content[:8])[0]
        header, data = json.loads(content[8:8 + length]), content[8 + length:]
        header.pop('__metadata__', None)
        return {name: numpy.frombuffer(data[slice(*entry['data_offsets'])], numpy.float32).reshape(entry['shape'])
                for name, entry in header.items()}

    def write_tensors(self, tensors, name='weights.safetensors'):
        header, blob = {}, b''
        for key, values in tensors.items():
            raw = numpy.ascontiguousarray(values, numpy.float32).tobytes()
            header[key] = {'dtype': 'F32', 'shape': list(values.shape), 'data_offsets': [len(blob), len(blob) + len(raw)]}
            blob += raw
        text = json.dumps(header).encode()
        with open(self.place(name), 'wb') as file:
            file.write(struct.pack('<Q', len(text)) + text + blob)

    def test_the_order_of_modules_is_told_by_numbers_shapes_or_the_description(self):
        array = support.arrays(6)
        one, other, last = array(4, 4), array(4, 4), array(2, 4)
        x = array(7, 4)
        plain = {'batch_norm': 'off', 'activation': 'tanh'}
        three = {'defaults': plain, 'layers': [{'units': 4}, {'units': 4}, {'units': 2}]}
        expected = lanefold.softmax(numpy.tanh(numpy.tanh(x @ one.T) @ other.T) @ last.T)

        def opened(names, network=three):
            self.write_tensors({name + '.weight': values for name, values in zip(names, (one, other, last))})
            return lanefold.Model.open(self.place('weights.safetensors'), network=dict(network, output='softmax'))

        for names in (('fc9', 'fc10', 'fc11'), ('net.0', 'net.2', 'net.4'), ('fc1', 'fc2', 'out')):
            self.assertLess(numpy.abs(opened(names).network()(x) - expected).max(), 1e-6, names)
        self.assertEqual(opened(('fc1', 'fc2', 'out')).describe()['notes'],
                         ['The linear modules follow each other in this order: fc1, fc2, out.'])
        self.assertEqual(opened(('fc9', 'fc10', 'fc11')).describe()['notes'], [])
        with self.assertRaisesRegex(ValueError, '"decoder" and "encoder" of the same shape, and does not tell'):
            opened(('encoder', 'decoder', 'out'))
        named = {'defaults': plain, 'layers': [{'units': 4, 'linear': 'encoder'}, {'units': 4, 'linear': 'decoder'},
                                               {'units': 2, 'linear': 'out'}]}
        self.assertLess(numpy.abs(opened(('encoder', 'decoder', 'out'), named).network()(x) - expected).max(), 1e-6)
        named['layers'][1]['linear'] = 'encoder'
        with self.assertRaisesRegex(ValueError, 'names the module "encoder", which another layer has'):
            opened(('encoder', 'decoder', 'out'), named)

    def test_a_list_of_tensors_that_names_a_parameter_does_no_harm(self):
        lanefold.Model(trained_layers()).save(self.place('m.safetensors'))
        with open(self.place('m.safetensors'), 'rb') as file:
            content = file.read()
        length = struct.unpack('<Q', content[:8])[0]
        header = json.loads(content[8:8 + length])
        header['__metadata__']['tensors'] = '["layers.1.w", "none"]'
        text = json.dumps(header).encode()
        model = lanefold.Model.from_bytes(struct.pack('<Q', len(text)) + text + content[8 + length:])
        model.save(self.place('again.safetensors'))
        self.assert_same_layers(lanefold.Model.open(self.place('again.safetensors')).layers, trained_layers())

    def test_an_input_far_from_zero_keeps_its_digits(self):
        array = support.arrays(9)
        w, b = array(6, 4), array(4)
        for mean, deviation in ((0.1, 0.3), (3, 1), (10, 1), (300, 10), (1013, 7), (1000, 1)):
            x = (mean + deviation * support.arrays(10)(50, 6)).astype(numpy.float32)
            norm = lanefold.BatchNorm(6, eps=1e-12)
            norm.running_mean[:], norm.running_var[:] = mean, deviation**2
            layer = lanefold.DenseLayer(6, 4)
            layer.w, layer.bias = w, b
            model = lanefold.Model([lanefold.ElementwiseLayer(6, batch_norm=norm), layer])
            exact = (x.astype(float) - numpy.float32(mean)) / numpy.sqrt(float(norm.running_var[0])) @ w.astype(float) + b
            self.assertLess(numpy.abs(model.network()(x) - exact).max(), 2e-6, (mean, deviation))

    def test_a_state_dict_needs_a_description(self):
        layers = trained_layers()[1:]
        layers[0].batch_norm.unbiased_running_var = True
        lanefold.Model(layers).save(self.place('weights.safetensors'), format='state-dict')
        self.assert_same_layers(lanefold.Model.open(self.place('weights.safetensors')).layers, layers)  # by its metadata
        self.write_tensors({name: values for name, values in self.tensors('weights.safetensors').items()})
        with self.assertRaisesRegex(ValueError, 'Model.open: .*weights.safetensors: .* no description'):
            lanefold.Model.open(self.place('weights.safetensors'))
        network = {'layers': [{'units': 7, 'activation': 'leaky-relu', 'alpha': 0.2, 'bn_momentum': 0.8},
                              {'units': 3, 'batch_norm': 'off'}]}
        for given in (network, json.dumps(network)):
            self.assert_same_layers(lanefold.Model.open(self.place('weights.safetensors'), network=given).layers, layers)
        network['layers'][0]['units'] = 8
        with self.assertRaisesRegex(ValueError, '0.weight is 7 x 5, but layer 0 of the description has 8 units'):
            lanefold.Model.open(self.place('weights.safetensors'), network=network)

    def test_safetensors_in_any_valid_order_and_type(self):
        layers = trained_layers()
        for layer in layers[1:]:  # halves hold these values exactly
            layer.w = numpy.round(layer.w * 64) / 64
        x = support.arrays(4)(20, 5)
        expected = lanefold.Model(layers).network()(x)
        lanefold.Model(layers).save(self.place('model.safetensors'))
        with open(self.place('model.safetensors'), 'rb') as file:
            content = file.read()
        length = struct.unpack('<Q', content[:8])[0]
        header, data = json.loads(content[8:8 + length]), content[8 + length:]
        tensors = {name: numpy.frombuffer(data[slice(*entry['data_offsets'])], numpy.float32)
                   for name, entry in header.items() if name != '__metadata__'}

        def written(data_order, header_order, dtype=lambda name: 'F32', indent=None, pad=8):
            entries, blob = {}, b''
            for name in data_order:
                kind = dtype(name)
                values = tensors[name]
                as_bytes = {'F32': values, 'F64': values.astype('<f8'), 'F16': values.astype('<f2'),
                            'BF16': (values.view('<u4') >> 16).astype('<u2')}[kind].tobytes()
                entries[name] = {'dtype': kind, 'shape': header[name]['shape'],
                                 'data_offsets': [len(blob), len(blob) + len(as_bytes)]}
                blob += as_bytes
            entries['__metadata__'] = header['__metadata__']
            text = json.dumps({name: entries[name] for name in header_order}, indent=indent).encode()
            text += b' ' * (-len(text) % pad)
            return struct.pack('<Q', len(text)) + text + blob

        names = list(tensors)
        ordered, meta = sorted(names), '__metadata__'
        for made in (written(names, [meta] + ordered), written(ordered, [meta] + names), written(ordered[::-1], names + [meta]),
                     written(names, [meta] + names, indent=2), written(names, [meta] + names, pad=64),
                     written(names, [meta] + names, lambda name: 'F64')):
            self.assert_same_bits(lanefold.Model.from_bytes(made).network()(x), expected)
        half = lanefold.Model.from_bytes(written(names, [meta] + names, lambda name: 'F16' if name[-1] == 'w' else 'F32'))
        self.assert_same_bits(half.network()(x), expected)
        self.assertEqual(half.describe()['notes'], ['2 tensors were converted from F16 to F32, which is exact.'])
        # Cutting off the lower half of these floats changes nothing: it holds only zeros.
        brain = lanefold.Model.from_bytes(written(names, [meta] + names, lambda name: 'BF16' if name[-1] == 'w' else 'F32'))
        self.assert_same_bits(brain.network()(x), expected)
        broken = written(names, [meta] + names, lambda name: 'F64').replace(b'"F64"', b'"I64"', 1)
        with self.assertRaisesRegex(ValueError, 'has the type I64; expected F16, BF16, F32 or F64'):
            lanefold.Model.from_bytes(broken)

    def test_what_cannot_be_used_is_refused(self):
        layers = trained_layers()
        with self.assertRaises(FileNotFoundError):
            lanefold.Model.open(self.place('none'))
        with self.assertRaisesRegex(ValueError, 'Model.from_bytes: the model in memory: is empty'):
            lanefold.Model.from_bytes(b'')
        self.assert_refused(TypeError, "Model.from_bytes: content is 1 (int); expected bytes", lanefold.Model.from_bytes, 1)
        with self.assertRaisesRegex(ValueError, 'has 2 names of classes, but 3 outputs'):
            lanefold.Model(layers, class_names=['a', 'b'])
        self.assert_refused(ValueError, 'Model: feature_names has the length 2; expected a name for each of the 5 features',
                            lanefold.Model, layers, feature_names=['a', 'b'])
        layers[1].w[0, 0] = numpy.nan
        with self.assertRaisesRegex(ValueError, 'layers.1.w holds the value nan at index 0; expected finite numbers'):
            lanefold.Model(layers)
        with self.assertRaisesRegex(ValueError, 'Model.save: .*: the name ends neither in'):
            lanefold.Model(trained_layers()).save(self.place('model.bin'))
        self.assertEqual(os.listdir(self.folder.name), [])


support.main()

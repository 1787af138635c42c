"""DLPack's version 1, from a producer that is written out here: flags, versions, strides, and who frees what."""
import ctypes

import lanefold
import numpy

import support

Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
READ_ONLY, COPIED = 1, 2


class Tensor(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('device_type', ctypes.c_int32), ('device_id', ctypes.c_int32),
                ('dimensions', ctypes.c_int32), ('code', ctypes.c_uint8), ('bits', ctypes.c_uint8),
                ('lanes', ctypes.c_uint16), ('shape', ctypes.POINTER(ctypes.c_int64)),
                ('strides', ctypes.POINTER(ctypes.c_int64)), ('byte_offset', ctypes.c_uint64)]


class Versioned(ctypes.Structure):
    _fields_ = [('major', ctypes.c_uint32), ('minor', ctypes.c_uint32), ('context', ctypes.c_void_p),
                ('deleter', Deleter), ('flags', ctypes.c_uint64), ('tensor', Tensor)]


class Plain(ctypes.Structure):
    _fields_ = [('tensor', Tensor), ('context', ctypes.c_void_p), ('deleter', Deleter)]


class Producer:
    """Lends an array.  `taken` counts the tensors that were lent, and `freed` those that came back."""

    def __init__(self, values, flags=0, major=1, plain=False, strides=True, bits=32, lanes=1, said_device=1, device=1,
                 knows_copy=True):
        self.values, self.flags, self.major, self.plain, self.bits, self.lanes = values, flags, major, plain, bits, lanes
        self.said_device, self.device = said_device, device
        self.copy, self.knows_copy = None, knows_copy
        self.taken = self.freed = 0
        count = values.ndim
        self.shape = (ctypes.c_int64 * count)(*values.shape)
        self.strides = (ctypes.c_int64 * count)(*(s // values.itemsize for s in values.strides)) if strides else None
        self.kept = []

    def __dlpack_device__(self):
        return (self.said_device, 0)

    def __dlpack__(self, **options):
        assert options.pop('max_version') == (1, 0)
        if options and not self.knows_copy:
            raise TypeError('unexpected keyword argument')
        self.copy = options.pop('copy', None)
        assert not options

        def free(_):
            self.freed += 1
        tensor = Tensor(self.values.ctypes.data - 8, self.device, 0, self.values.ndim, 2, self.bits, self.lanes,
                        ctypes.cast(self.shape, ctypes.POINTER(ctypes.c_int64)),
                        ctypes.cast(self.strides, ctypes.POINTER(ctypes.c_int64)), 8)
        deleter = Deleter(free)
        managed = Plain(tensor, None, deleter) if self.plain else Versioned(self.major, 0, None, deleter, self.flags, tensor)
        name = b'dltensor' if self.plain else b'dltensor_versioned'
        self.kept += [managed, deleter, name]
        self.taken += 1
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(managed), name, None)


class DLPack(support.Case):
    eye = numpy.eye(3, dtype=numpy.float32)

    def setUp(self):
        self.values = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)

    def test_both_versions_are_read_written_and_given_back(self):
        for plain in (False, True):
            x, out = Producer(self.values, plain=plain), Producer(numpy.zeros((2, 3), numpy.float32), plain=plain)
            self.assertIs(lanefold.sgemm(x, self.eye, out=out), out)
            self.assert_same_bits(out.values, self.values)
            self.assertEqual((x.copy, out.copy), (None, False))
            self.assertEqual([x.taken, x.freed, out.taken, out.freed], [1, 1, 1, 1])

    def test_a_copy_is_an_input_only(self):
        for knows_copy in (True, False):
            copied = Producer(self.values, flags=COPIED, knows_copy=knows_copy)
            self.assert_same_bits(lanefold.sgemm(copied, self.eye), self.values)
            self.assert_refused(ValueError, 'sgemm: out gives a copy; expected its own memory', lanefold.sgemm, self.values,
                                self.eye, out=copied)
            self.assertEqual(copied.taken, copied.freed)

    def test_strides(self):
        larger = numpy.arange(40, dtype=numpy.float32).reshape(5, 8)
        for part in (larger[1:3, 2:5], larger.T[2:4, 1:4], larger[:0, :3]):
            self.assert_same_bits(lanefold.sgemm(Producer(part), self.eye), part)
        self.assert_same_bits(lanefold.sgemm(Producer(self.values, strides=False), self.eye), self.values)
        backwards = Producer(self.values[::-1])
        with self.assertRaisesRegex(ValueError, 'it runs backwards'):
            lanefold.sgemm(backwards, self.eye)
        self.assertEqual((backwards.taken, backwards.freed), (1, 1))

    def test_read_only_tensors_are_inputs_only(self):
        x = Producer(self.values, flags=READ_ONLY)
        self.assert_same_bits(lanefold.sgemm(x, self.eye), self.values)
        self.assert_refused(ValueError, 'sgemm: out is read-only; expected a writable array', lanefold.sgemm, self.values,
                            self.eye, out=x)
        self.assertEqual((x.taken, x.freed), (2, 2))

    def test_devices_whose_memory_the_cpu_reads(self):
        for device in (1, 3, 11, 13):
            x = Producer(self.values, said_device=device, device=device)
            self.assert_same_bits(lanefold.sgemm(x, self.eye), self.values)
        message = "sgemm: %s is in the memory of a device (DLPack's type 2); expected an array in the memory of the CPU: %s"
        for plain in (False, True):
            for said, taken in ((2, 0), (1, 1)):  # the device that the capsule names counts, too
                x = Producer(self.values, plain=plain, said_device=said, device=2)
                self.assert_refused(ValueError, message % ('a', 'a.cpu()'), lanefold.sgemm, x, self.eye)
                self.assertEqual((x.taken, x.freed), (taken, taken))
        self.assert_refused(ValueError, message % ('out', 'create out on the CPU'), lanefold.sgemm, self.values,
                            self.eye, out=Producer(self.values, said_device=2))
        self.assert_refused(TypeError, "sgemm: a.__dlpack_device__()[0] is 'cpu' (str); expected a whole number below 2^63",
                            lanefold.sgemm, Producer(self.values, said_device='cpu'), self.eye)

    def test_what_is_not_known_is_refused_and_given_back(self):
        for message, kind, options in (
                ("a offers DLPack's version 2; expected version 1 or older", ValueError, dict(major=2)),
                ("a has elements of DLPack's code 2 with 64 bits; expected float32", TypeError, dict(bits=64)),
                ("a has elements of DLPack's code 2 with 32 bits in 4 lanes; expected float32", TypeError, dict(lanes=4))):
            x = Producer(self.values, **options)
            self.assert_refused(kind, 'sgemm: ' + message, lanefold.sgemm, x, self.eye)
            self.assertEqual((x.taken, x.freed), (1, 1), message)


support.main()

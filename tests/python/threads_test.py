"""Many threads, the GIL, executors and logs in Python, contexts that are closed in the middle of calls, forks, and the end of
the interpreter."""
import concurrent.futures
import gc
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import weakref

import lanefold
import numpy

import support

THREADS = 8

# The process ends while daemon threads wait for the GIL, after long calls and within executors.
ENDING = '''
import array, threading, time
import lanefold, numpy
values = array.array('f', [1]) * 90000
a = memoryview(values).cast('B').cast('f', (300, 300))  # its release needs the GIL
def executor(count, task):
    task.work()
def run(context):
    while True:
        lanefold.sgemm(a, a, context=context)
for context in (lanefold.Context(1), lanefold.Context(2, executor=executor), lanefold.Context(2, executor=executor)):
    threading.Thread(target=run, args=(context,), daemon=True).start()
time.sleep(0.05)
'''


def resident_bytes():
    with open('/proc/self/statm', encoding='ascii') as statm:
        return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def together(count, work):
    """Runs work(i) in threads, and raises what one of them raised."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(work, i) for i in range(count)]:
            future.result(timeout=120)


class Threads(support.Case):
    def setUp(self):
        array = support.arrays(1)
        self.a, self.b = array(120, 90), array(90, 110)
        self.product = lanefold.sgemm(self.a, self.b)

    def products(self, context, count=40):
        for _ in range(count):
            out = numpy.full((120, 110), numpy.nan, numpy.float32)
            self.assert_same_bits(lanefold.sgemm(self.a, self.b, out=out, context=context), self.product)

    def test_many_threads_on_one_context(self):
        with lanefold.Context() as context:
            together(THREADS, lambda i: self.products(context))

    def test_many_threads_with_contexts_of_their_own(self):
        def work(i):
            for _ in range(5):
                with lanefold.Context(1 + i % 3) as context:
                    self.products(context, 5)
        together(THREADS, work)

    def test_the_gil_is_released_during_a_long_product(self):
        a = numpy.ones((1500, 1500), numpy.float32)
        ticks, done = [], threading.Event()

        def tick():
            while not done.is_set():
                ticks.append(time.perf_counter())
                time.sleep(0)
        thread = threading.Thread(target=tick)
        thread.start()
        begin = time.perf_counter()
        with lanefold.Context(1) as context:
            lanefold.sgemm(a, a, context=context)
        end = time.perf_counter()
        done.set()
        thread.join()
        middle = [t for t in ticks if begin + (end - begin) / 4 < t < end - (end - begin) / 4]
        self.assertGreater(len(middle), 5, 'the other thread stood still')

    def test_a_context_may_be_closed_in_the_middle_of_calls(self):
        for _ in range(20):
            context = lanefold.Context(2)
            started = threading.Barrier(THREADS + 1)

            def work(i):
                started.wait()
                try:
                    while True:
                        self.products(context, 1)
                except ValueError as error:
                    self.assertEqual(str(error), 'sgemm: context is closed; expected an open lanefold.Context')
            with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
                futures = [pool.submit(work, i) for i in range(THREADS)]
                started.wait()
                time.sleep(0.002)
                context.close()
                for future in futures:
                    future.result(timeout=60)

    def test_weights_and_networks_may_be_closed_in_the_middle_of_calls(self):
        layer = lanefold.DenseLayer(90, 110)
        layer.w[:] = self.b
        for make in (lambda: lanefold.pack_weights(self.b), lambda: lanefold.Network([layer])):
            for _ in range(10):
                thing = make()
                call = thing if isinstance(thing, lanefold.Network) else lambda a: lanefold.dense_infer(a, thing)

                def work(i):
                    if i == 0:
                        time.sleep(0.002)
                        return thing.close()
                    try:
                        while True:
                            self.assert_same_bits(call(self.a), self.product)
                    except ValueError as error:
                        self.assertIn('closed', str(error))
                together(4, work)

    def test_two_steps_of_a_trainer_at_once_are_refused(self):
        inside, may_end = threading.Event(), threading.Event()

        def executor(count, task):
            inside.set()
            may_end.wait(60)
        layers = lanefold.dense_layers([300, 200, 10])
        x, labels = support.arrays(2)(400, 300), numpy.zeros(400, numpy.int32)
        with lanefold.Context(2, executor=executor) as context:
            trainer = lanefold.Trainer(layers, context=context)
            thread = threading.Thread(target=trainer.step, args=(x, labels))
            thread.start()
            inside.wait(60)
            self.assert_refused(ValueError, 'Trainer.step: a step of this trainer has not ended, in another thread or before '
                                'a fork; expected one step at a time', trainer.step, x, labels)
            may_end.set()
            thread.join()
            self.assertEqual(trainer.steps, 1)

    def test_a_forked_child_computes(self):
        with lanefold.Context(2) as context:
            self.products(context, 1)
            for used in (context, None):
                child = os.fork()
                if child == 0:
                    code = 1
                    try:
                        self.products(used, 2)
                        code = 0
                    finally:
                        os._exit(code)
                self.assertEqual(os.waitpid(child, 0)[1], 0)


    def test_a_process_ends_while_daemon_threads_are_in_calls(self):
        for _ in range(10):
            done = subprocess.run([sys.executable, '-c', ENDING], env=dict(os.environ, PYTHONMALLOC='debug'), timeout=60,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual((done.returncode, done.stdout), (0, b''))


class Logs(support.Case):
    def test_a_log_receives_messages_with_the_levels_of_logging(self):
        with self.assertLogs('lanefold', 'INFO') as caught:
            with lanefold.Context(isa='portable', log=logging.getLogger('lanefold').log) as context:
                self.assertEqual(context.isa, 'portable')
        self.assertEqual([record.levelno for record in caught.records], [logging.INFO])
        self.assertIn('portable', caught.output[0])

    def test_a_log_receives_messages_about_paths_that_are_not_utf8(self):
        said = []
        with tempfile.TemporaryDirectory() as place:
            folder = os.path.join(os.fsencode(place), b'\xff')
            os.mkdir(folder)
            with open(folder + b'/mine.manifest', 'w', encoding='ascii') as file:
                file.write('nonsense\n')
            for path in (folder, os.fsdecode(folder), pathlib.Path(os.fsdecode(folder))):
                lanefold.Context(plugin_path=path, log=lambda level, message: said.append(message)).close()
                self.assertIn(os.fsdecode(folder + b'/mine.so'),
                              [plugin.path for plugin in lanefold.plugins(plugin_path=path)])
        self.assertEqual(sum('mine' in message for message in said), 3, said)

    def test_a_log_that_raises_does_not_disturb_the_call(self):
        said = []
        hook, sys.unraisablehook = sys.unraisablehook, lambda event: said.append(event.exc_type)
        try:
            with lanefold.Context(log=lambda level, message: 1 // 0) as context:
                lanefold.sgemm(numpy.ones((2, 2), numpy.float32), numpy.ones((2, 2), numpy.float32), context=context)
        finally:
            sys.unraisablehook = hook
        self.assertEqual(set(said), {ZeroDivisionError})


class Executors(support.Case):
    def setUp(self):
        array = support.arrays(1)
        self.a, self.b = array(300, 200), array(200, 260)
        self.product = lanefold.sgemm(self.a, self.b)

    def run_with(self, executor, threads=4):
        # A new array could lie where an earlier result did.
        out = numpy.full((300, 260), numpy.nan, numpy.float32)
        with lanefold.Context(threads, executor=executor) as context:
            return lanefold.sgemm(self.a, self.b, out=out, context=context)

    def test_a_pool_of_python_runs_tasks_without_the_gil(self):
        names = set()

        class Noting(lanefold.ThreadPool):
            def __call__(self, count, task):
                def run(i):
                    names.add(threading.get_ident())
                    task(i)
                list(self.pool.map(run, range(count)))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for _ in range(20):
                self.assert_same_bits(self.run_with(Noting(pool, 4), 0), self.product)
            for _ in range(50):
                self.assert_same_bits(self.run_with(lanefold.ThreadPool(pool, 4), 0), self.product)
        self.assertNotIn(threading.get_ident(), names)
        self.assertGreater(len(names), 1)

    def test_calls_from_a_full_pool_do_not_hang(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            with lanefold.Context(executor=lanefold.ThreadPool(pool, 4)) as context:
                futures = [pool.submit(lanefold.sgemm, self.a, self.b, context=context) for _ in range(30)]
                for future in futures:
                    self.assert_same_bits(future.result(timeout=60), self.product)

    def test_a_full_pool_keeps_no_tasks_of_calls_that_have_ended(self):
        may_end = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            busy = pool.submit(may_end.wait, 60)
            with lanefold.Context(executor=lanefold.ThreadPool(pool, 4)) as context:
                kept = []
                submit, pool.submit = pool.submit, lambda work: kept.append(submit(work)) or kept[-1]
                for _ in range(3):
                    self.assert_same_bits(lanefold.sgemm(self.a, self.b, context=context), self.product)
            self.assertGreater(len(kept), 0)
            self.assertTrue(all(future.cancelled() for future in kept))
            may_end.set()
            busy.result(timeout=60)

    def test_a_cycle_through_a_context_is_collected(self):
        class Holder:
            pass
        for name in ('executor', 'log'):
            holder = Holder()

            def call(*_, held=holder):
                return held
            holder.context = lanefold.Context(2, **{name: call})
            gone = weakref.ref(holder)
            del holder, call
            gc.collect()
            self.assertIsNone(gone(), name)

    def test_a_collection_while_a_context_is_destroyed(self):
        class Ending:
            threads = 2

            def __call__(self, *_):
                pass

            def __del__(self):
                gc.collect()
        for name in ('executor', 'log'):
            context = lanefold.Context(2, **{name: Ending()})
            del context
            gc.collect()

    def test_a_cycle_through_the_default_context_leaves_it_open(self):
        class Holder:
            pass
        context = lanefold.default_context()  # older than what holds it, so the collector clears it first
        holder = Holder()
        holder.self, holder.context = holder, context
        del holder, context
        gc.collect()
        self.assert_same_bits(lanefold.sgemm(self.a, self.b), self.product)

    def test_an_exception_of_an_executor_leaks_no_result(self):
        def executor(count, task):
            task.work()
            raise KeyError
        w = numpy.zeros((1000, 1000), numpy.float32)
        layer = lanefold.DenseLayer(1000, 1000)
        with lanefold.Context(2, executor=executor) as context:
            for make in (lambda: lanefold.pack_weights(w, context=context),
                         lambda: lanefold.Network([layer], context=context)):
                for attempt in range(30):
                    if attempt == 10:
                        before = resident_bytes()
                    self.assertRaises(KeyError, make)
                self.assertLess(resident_bytes() - before, 20e6)

    def test_what_an_executor_leaves_undone_is_done_all_the_same(self):
        self.assert_same_bits(self.run_with(lambda count, task: None), self.product)
        self.assert_same_bits(self.run_with(lambda count, task: task(count - 1)), self.product)

    def test_an_exception_of_an_executor_arrives_after_the_call(self):
        def executor(count, task):
            task(0)
            raise KeyError('mine')
        out = numpy.full((300, 260), numpy.nan, numpy.float32)
        with lanefold.Context(2, executor=executor) as context:
            self.assertRaises(KeyError, lanefold.sgemm, self.a, self.b, out=out, context=context)
        self.assert_same_bits(out, self.product)

    def test_a_task_runs_once_and_only_during_its_call(self):
        kept, said = [], []

        def executor(count, task):
            kept.append(task)
            for i in (0, 0, -1, count):
                try:
                    task(i)
                except (ValueError, IndexError) as error:
                    said.append(str(error).replace(str(count - 1), 'LAST').replace(str(count), 'COUNT'))
        self.assert_same_bits(self.run_with(executor), self.product)
        self.assertEqual(said[:3], ['task: the index 0 was run before; expected each one once',
                                    'task: the index is -1; expected 0 to LAST',
                                    'task: the index is COUNT; expected 0 to LAST'])
        self.assert_refused(ValueError, 'task: its call has ended; expected to be called only while the executor runs',
                            kept[0], 0)
        self.assertIsNone(kept[0].work())

    def test_a_call_waits_for_tasks_that_other_threads_have_begun(self):
        a, b = support.integers(3)(700, 600), support.integers(4)(600, 700)
        expected, threads = lanefold.sgemm(a, b), []

        def executor(count, task):
            for _ in range(count - 1):
                threads.append(threading.Thread(target=task.work))
                threads[-1].start()
        with lanefold.Context(3, executor=executor) as context:
            for _ in range(30):
                out = numpy.full((700, 700), numpy.nan, numpy.float32)
                lanefold.sgemm(a, b, out=out, context=context)
                self.assert_same_bits(out, expected)
                for thread in threads:
                    thread.join()

    def test_an_executor_lives_as_long_as_its_context(self):
        class Executor:
            def __call__(self, count, task):
                task.work()
        context = lanefold.Context(2, executor=Executor())
        self.assert_same_bits(lanefold.sgemm(self.a, self.b, context=context), self.product)


support.main()

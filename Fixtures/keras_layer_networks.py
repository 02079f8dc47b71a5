"""More Keras networks of the fixtures, one for each family of layers, built with either Keras as in keras_networks.py.

Each takes ZOO_INPUT images of raw 0-255. Layers whose outputs are compared have names of their own.
"""

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


LAYERS = (functions, maps, augmentations)
# Those that Keras 2 writes, too.
LAYERS_OF_KERAS2 = (functions, maps)

"""The Keras networks of the fixtures, built with either Keras: the module is the first argument.

`keras` is Keras 3 or `tf_keras`, which is Keras 2 and writes its files. Names of layers are given wherever
the two would choose different ones.
"""


def mnist_resnet(keras):
    """ResNet-8 for 28x28x1 images of raw 0-255: projection shortcuts with a norm, convs with and without bias."""
    layers = keras.layers

    def conv_norm(x, filters, size, stride, bias, name):
        x = layers.Conv2D(filters, size, stride, "same", use_bias=bias, name=name + "_conv")(x)
        return layers.BatchNormalization(momentum=0.9, name=name + "_bn")(x)

    inputs = keras.Input((28, 28, 1), name="image")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = layers.Activation("relu", name="stem_relu")(conv_norm(x, 16, 3, 1, False, "stem"))
    for stage, filters in enumerate((16, 32, 64), start=1):
        stride, name = (1 if stage == 1 else 2), f"stage{stage}"
        y = conv_norm(x, filters, 3, stride, True, name + "_1")
        y = layers.Activation("relu", name=name + "_1_relu")(y)
        # 1x1 in the last stage, which holds most of the weights: the files stay small.
        y = conv_norm(y, filters, 1 if stage == 3 else 3, 1, False, name + "_2")
        if stride != 1:
            x = conv_norm(x, filters, 1, stride, False, name + "_shortcut")
        x = layers.Activation("relu", name=name + "_relu")(layers.Add(name=name + "_add")([x, y]))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = layers.Dense(10, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name="mnist_resnet")


def mnist_sequential(keras):
    """A small Sequential network with the names that Keras chooses itself; a norm after a dense layer."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=2, padding="same"),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(16),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dense(10, activation="softmax"),
        ],
        name="mnist_sequential",
    )


# Layer zoo: each network takes ZOO_INPUT images of raw 0-255, an odd number of rows and an even one of columns.
ZOO_INPUT = (13, 10, 3)


def _start(keras):
    inputs = keras.Input(ZOO_INPUT, name="image")
    return inputs, keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)


def _finish(keras, inputs, x, name):
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = keras.layers.Dense(5, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name=name)


def convolutions(keras):
    """Grouped, dilated, rectangular and strided convs; same padding on odd and even sizes; ZeroPadding2D."""
    layers = keras.layers
    inputs, x = _start(keras)
    strided = [layers.Conv2D(4, size, 2, "same", name=f"same{size}")(x) for size in (1, 2, 3, 5)]
    x = layers.Concatenate(name="concatenate")(strided)
    x = layers.BatchNormalization(name="concatenate_bn")(x)
    x = layers.Conv2D(8, 3, padding="same", groups=4, use_bias=False, name="grouped")(x)
    x = layers.BatchNormalization(name="grouped_bn")(x)
    x = layers.Conv2D(8, 3, padding="same", dilation_rate=2, activation="relu", name="dilated")(x)
    x = layers.ZeroPadding2D(((1, 2), (0, 3)), name="padding")(x)
    x = layers.Conv2D(8, (2, 3), (2, 1), "valid", name="rectangular")(x)
    x = layers.BatchNormalization(name="rectangular_bn")(x)
    x = layers.Conv2D(6, 3, 2, "same", activation="tanh", name="same3_again")(x)
    return _finish(keras, inputs, x, "convolutions")


def depthwise(keras):
    """DepthwiseConv2D and SeparableConv2D, with multipliers, strides, dilation and norms behind."""
    layers = keras.layers
    inputs, x = _start(keras)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=4, use_bias=False, name="depthwise")(x)
    x = layers.ReLU(name="depthwise_relu")(layers.BatchNormalization(name="depthwise_bn")(x))
    x = layers.DepthwiseConv2D(3, 2, "same", name="depthwise_strided")(x)
    x = layers.BatchNormalization(name="depthwise_strided_bn")(x)
    x = layers.SeparableConv2D(8, 3, padding="same", depth_multiplier=2, name="separable")(x)
    x = layers.ReLU(name="separable_relu")(layers.BatchNormalization(name="separable_bn")(x))
    x = layers.SeparableConv2D(
        8, 3, padding="same", dilation_rate=2, use_bias=False, activation="relu", name="separable_dilated"
    )(x)
    return _finish(keras, inputs, x, "depthwise")


def pooling(keras):
    """Windows with same and valid padding, global pools with and without kept dimensions, Flatten."""
    layers = keras.layers
    inputs, x = _start(keras)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    pools = [
        layers.MaxPooling2D(3, 2, "same", name="max_same")(x),
        layers.AveragePooling2D(3, 2, "same", name="average_same")(x),
        layers.MaxPooling2D(2, padding="same", name="max_same_even")(x),
    ]
    same = layers.Concatenate(name="concatenate_same")(pools)
    pools = [
        layers.MaxPooling2D((3, 2), (2, 2), "valid", name="max_valid")(x),
        layers.AveragePooling2D((2, 3), (2, 1), "valid", name="average_valid")(x),
    ]
    vectors = [
        layers.GlobalAveragePooling2D(name="global_average")(same),
        layers.GlobalMaxPooling2D(name="global_max")(same),
        layers.Flatten(name="flatten_max")(layers.GlobalMaxPooling2D(keepdims=True, name="global_max_kept")(pools[0])),
        layers.Flatten(name="flatten_average")(
            layers.GlobalAveragePooling2D(keepdims=True, name="global_average_kept")(pools[1])
        ),
        layers.Flatten(name="flatten")(pools[0]),
    ]
    x = layers.Concatenate(name="concatenate")(vectors)
    x = layers.BatchNormalization(name="bn")(x)
    outputs = layers.Dense(5, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name="pooling")


def squeeze_excite(keras):
    """Channel attention twice: pool, Reshape and Dense; kept dimensions and 1x1 convs. Dropout between."""
    layers = keras.layers
    inputs, x = _start(keras)
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.Activation("swish", name="swish")(x)
    s = layers.GlobalAveragePooling2D(name="squeeze")(x)
    s = layers.Reshape((1, 1, 8), name="squeeze_reshape")(s)
    s = layers.Dense(4, activation="relu", name="squeeze_reduce")(s)
    s = layers.Dense(8, activation="sigmoid", name="squeeze_expand")(s)
    x = layers.Multiply(name="excite")([x, s])
    x = layers.Dropout(0.2, name="dropout")(x)
    s = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze2")(x)
    s = layers.Conv2D(4, 1, activation="swish", name="squeeze2_reduce")(s)
    s = layers.Conv2D(8, 1, activation="sigmoid", name="squeeze2_expand")(s)
    x = layers.Multiply(name="excite2")([s, x])
    x = layers.BatchNormalization(name="excite2_bn")(x)
    x = layers.Reshape((-1, 1, 8), name="reshape")(x)
    return _finish(keras, inputs, x, "squeeze_excite")


def normalizations(keras):
    """BatchNormalization without scale, centre or both, after a conv, an add and a dense layer; GN and LN."""
    layers = keras.layers
    inputs, x = _start(keras)
    x = layers.Conv2D(16, 3, 2, "same", name="conv1")(x)
    x = layers.BatchNormalization(scale=False, epsilon=1e-5, name="bn_without_scale")(x)
    x = layers.ReLU(name="relu1")(x)
    y = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv2")(x)
    y = layers.BatchNormalization(center=False, name="bn_without_center")(y)
    x = layers.Add(name="add")([x, y])
    x = layers.BatchNormalization(name="bn_after_add")(x)
    x = layers.ReLU(name="relu2")(x)
    x = layers.BatchNormalization(scale=False, center=False, name="bn_of_statistics")(x)
    x = layers.Conv2D(16, 1, name="conv3")(x)
    x = layers.GroupNormalization(4, epsilon=1e-5, name="gn")(x)
    x = layers.Conv2D(16, 1, name="conv4")(x)
    x = layers.GroupNormalization(1, scale=False, name="gn_one_group")(x)
    x = layers.Conv2D(16, 1, name="conv5")(x)
    x = layers.GroupNormalization(-1, center=False, name="gn_instance")(x)
    x = layers.Conv2D(16, 1, name="conv6")(x)
    x = layers.LayerNormalization(name="ln")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(16, use_bias=False, name="dense")(x)
    x = layers.BatchNormalization(name="bn_after_dense")(x)
    x = layers.ReLU(name="relu3")(x)
    outputs = layers.Dense(5, name="classifier")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(outputs), name="normalizations")


def activations(keras):
    """Activations as layers, as a layer's argument and by name."""
    layers = keras.layers
    slope = {"alpha": 0.2} if keras.__version__ < "3" else {"negative_slope": 0.2}
    functions = [
        layers.ReLU(name="relu"),
        layers.ReLU(max_value=6.0, name="relu6"),
        layers.LeakyReLU(**slope, name="leaky_relu"),
        layers.Activation("swish", name="swish"),
        layers.Activation("sigmoid", name="sigmoid"),
        layers.Activation("tanh", name="tanh"),
        layers.Activation("linear", name="linear"),
    ]
    inputs, x = _start(keras)
    x = layers.Conv2D(4, 3, 2, "same", name="conv")(x)
    x = layers.Rescaling(4.0, name="amplify")(x)
    x = layers.Concatenate(name="concatenate")([function(x) for function in functions])
    return _finish(keras, inputs, x, "activations")


def preprocessing(keras):
    """Rescaling per channel, Normalization with stored and with configured statistics."""
    layers = keras.layers
    inputs = keras.Input(ZOO_INPUT, name="image")
    branches = [
        layers.Rescaling([1 / 127.5, 1 / 64, 1 / 32], offset=[-1.0, -2.0, -4.0], name="per_channel")(inputs),
        layers.Normalization(name="adapted")(inputs),
        layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[4e3, 5e3, 6e3], name="configured")(inputs),
    ]
    x = layers.Concatenate(name="concatenate")(branches)
    x = layers.Conv2D(8, 3, 2, "same", name="conv")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(x))
    return _finish(keras, inputs, x, "preprocessing")


def nested(keras):
    """A Functional and a Sequential network as layers; one of them and one outer layer are frozen."""
    layers = keras.layers
    block_input = keras.Input((7, 5, 8), name="block_image")
    y = layers.Conv2D(8, 3, padding="same", use_bias=False, name="block_conv")(block_input)
    y = layers.BatchNormalization(name="block_bn")(y)
    y = layers.ReLU(name="block_relu")(layers.Add(name="block_add")([block_input, y]))
    block = keras.Model(block_input, y, name="block")
    block.trainable = False
    tail = keras.Sequential(
        [
            keras.Input((7, 5, 8), name="tail_image"),
            layers.Conv2D(12, 3, 2, "same", name="tail_conv"),
            layers.BatchNormalization(name="tail_bn"),
            layers.ReLU(name="tail_relu"),
        ],
        name="tail",
    )
    inputs, x = _start(keras)
    x = layers.Conv2D(8, 3, 2, "same", trainable=False, name="conv")(x)
    x = layers.BatchNormalization(trainable=False, name="bn")(x)
    return _finish(keras, inputs, tail(block(layers.ReLU(name="relu")(x))), "nested")


def shared_layers(keras):
    """A conv and a norm that are each called twice."""
    layers = keras.layers
    conv = layers.Conv2D(8, 3, padding="same", use_bias=False, name="shared_conv")
    norm = layers.BatchNormalization(name="shared_bn")
    inputs, x = _start(keras)
    x = layers.Conv2D(8, 3, 2, "same", name="conv")(x)
    x = layers.ReLU(name="relu1")(norm(x))
    x = layers.ReLU(name="relu2")(layers.BatchNormalization(name="bn1")(conv(x)))
    x = layers.ReLU(name="relu3")(norm(conv(x)))
    return _finish(keras, inputs, x, "shared_layers")


def pre_activation(keras):
    """A ResNet V2 block: norm and ReLU before the convs, a conv that feeds the add."""
    layers = keras.layers
    inputs, x = _start(keras)
    x = layers.ZeroPadding2D(1, name="conv1_pad")(x)
    x = layers.Conv2D(16, 3, 2, name="conv1")(x)
    p = layers.Activation("relu", name="preact_relu")(layers.BatchNormalization(name="preact_bn")(x))
    shortcut = layers.Conv2D(16, 1, name="shortcut_conv")(p)
    y = layers.Conv2D(8, 1, use_bias=False, name="block_1_conv")(p)
    y = layers.Activation("relu", name="block_1_relu")(layers.BatchNormalization(name="block_1_bn")(y))
    y = layers.Conv2D(16, 3, padding="same", name="block_2_conv")(y)
    x = layers.Add(name="block_out")([shortcut, y])
    x = layers.Activation("relu", name="post_relu")(layers.BatchNormalization(name="post_bn")(x))
    return _finish(keras, inputs, x, "pre_activation")


def mixed_precision(keras):
    """Computes in float16, keeps variables in float32; the classifier in float32, as Keras advises."""
    layers = keras.layers
    half = {"dtype": "mixed_float16"}
    inputs = keras.Input(ZOO_INPUT, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling", **half)(inputs)
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="conv", **half)(x)
    x = layers.BatchNormalization(name="bn", **half)(x)
    x = layers.ReLU(name="relu", **half)(x)
    return _finish(keras, inputs, x, "mixed_precision")


def channels_first(keras):
    """Maps with channels first in all layers that know the order, and what hangs on it: axes, reshaping, flattening."""
    layers = keras.layers
    first = {"data_format": "channels_first"}

    def norm(x, name):
        return layers.BatchNormalization(axis=1, name=name)(x)

    rows, columns, channels = ZOO_INPUT
    inputs = keras.Input((channels, rows, columns), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    x = layers.ZeroPadding2D(((1, 2), (0, 1)), **first, name="padding")(x)
    x = layers.Conv2D(8, (3, 2), 2, "same", use_bias=False, **first, name="conv")(x)
    x = layers.ReLU(name="relu")(norm(x, "bn"))
    pools = [
        layers.MaxPooling2D(3, 1, "same", **first, name="max_pool")(x),
        layers.AveragePooling2D(3, 1, "same", **first, name="average_pool")(x),
    ]
    y = layers.Concatenate(axis=1, name="concatenate")(pools)
    y = layers.Conv2D(8, 1, **first, name="reduce")(y)
    x = layers.ReLU(name="add_relu")(layers.Add(name="add")([x, norm(y, "reduce_bn")]))
    s = layers.GlobalAveragePooling2D(**first, name="squeeze")(x)
    s = layers.Reshape((8, 1, 1), name="squeeze_reshape")(s)
    s = layers.Conv2D(8, 1, activation="sigmoid", **first, name="squeeze_expand")(s)
    x = layers.Multiply(name="excite")([x, s])
    x = layers.DepthwiseConv2D(3, 2, "same", use_bias=False, **first, name="depthwise")(x)
    x = layers.ReLU(name="depthwise_relu")(norm(x, "depthwise_bn"))
    x = layers.GroupNormalization(2, axis=1, epsilon=1e-5, name="gn")(x)
    x = layers.Flatten(**first, name="flatten")(x)
    x = layers.Dense(16, name="dense")(x)
    x = layers.ReLU(name="dense_relu")(layers.BatchNormalization(name="dense_bn")(x))
    outputs = layers.Dense(5, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name="channels_first")


ZOO = (
    convolutions,
    depthwise,
    pooling,
    squeeze_excite,
    normalizations,
    activations,
    preprocessing,
    nested,
    shared_layers,
    pre_activation,
    mixed_precision,
)

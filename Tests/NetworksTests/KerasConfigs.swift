/// Configurations as Keras wrote them into its files, to the byte.

/// A Functional model of Keras 2: two convolutions, a residual, 32×32×3 to 10 classes.
let keras2Functional = #"""
    {"class_name": "Functional", "config": {"name": "model", "layers": [{"class_name": "InputLayer", "co\#
    nfig": {"batch_input_shape": [null, 32, 32, 3], "dtype": "float32", "sparse": false, "ragged": false\#
    , "name": "input_1"}, "name": "input_1", "inbound_nodes": []}, {"class_name": "Conv2D", "config": {"\#
    name": "conv2d", "trainable": true, "dtype": "float32", "filters": 16, "kernel_size": [3, 3], "strid\#
    es": [1, 1], "padding": "same", "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1\#
    , "activation": "linear", "use_bias": true, "kernel_initializer": {"class_name": "HeNormal", "config\#
    ": {"seed": null}}, "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer"\#
    : {"class_name": "L2", "config": {"l2": 9.999999747378752e-05}}, "bias_regularizer": null, "activity\#
    _regularizer": null, "kernel_constraint": null, "bias_constraint": null}, "name": "conv2d", "inbound\#
    _nodes": [[["input_1", 0, 0, {}]]]}, {"class_name": "BatchNormalization", "config": {"name": "batch_\#
    normalization", "trainable": true, "dtype": "float32", "axis": [3], "momentum": 0.99, "epsilon": 0.0\#
    01, "center": true, "scale": true, "beta_initializer": {"class_name": "Zeros", "config": {}}, "gamma\#
    _initializer": {"class_name": "Ones", "config": {}}, "moving_mean_initializer": {"class_name": "Zero\#
    s", "config": {}}, "moving_variance_initializer": {"class_name": "Ones", "config": {}}, "beta_regula\#
    rizer": null, "gamma_regularizer": null, "beta_constraint": null, "gamma_constraint": null}, "name"\#
    : "batch_normalization", "inbound_nodes": [[["conv2d", 0, 0, {}]]]}, {"class_name": "Activation", "c\#
    onfig": {"name": "activation", "trainable": true, "dtype": "float32", "activation": "relu"}, "name"\#
    : "activation", "inbound_nodes": [[["batch_normalization", 0, 0, {}]]]}, {"class_name": "Conv2D", "c\#
    onfig": {"name": "conv2d_1", "trainable": true, "dtype": "float32", "filters": 16, "kernel_size": [3\#
    , 3], "strides": [1, 1], "padding": "same", "data_format": "channels_last", "dilation_rate": [1, 1]\#
    , "groups": 1, "activation": "linear", "use_bias": true, "kernel_initializer": {"class_name": "HeNor\#
    mal", "config": {"seed": null}}, "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_\#
    regularizer": {"class_name": "L2", "config": {"l2": 9.999999747378752e-05}}, "bias_regularizer": nul\#
    l, "activity_regularizer": null, "kernel_constraint": null, "bias_constraint": null}, "name": "conv2\#
    d_1", "inbound_nodes": [[["activation", 0, 0, {}]]]}, {"class_name": "BatchNormalization", "config"\#
    : {"name": "batch_normalization_1", "trainable": true, "dtype": "float32", "axis": [3], "momentum"\#
    : 0.99, "epsilon": 0.001, "center": true, "scale": true, "beta_initializer": {"class_name": "Zeros"\#
    , "config": {}}, "gamma_initializer": {"class_name": "Ones", "config": {}}, "moving_mean_initializer\#
    ": {"class_name": "Zeros", "config": {}}, "moving_variance_initializer": {"class_name": "Ones", "con\#
    fig": {}}, "beta_regularizer": null, "gamma_regularizer": null, "beta_constraint": null, "gamma_cons\#
    traint": null}, "name": "batch_normalization_1", "inbound_nodes": [[["conv2d_1", 0, 0, {}]]]}, {"cla\#
    ss_name": "Add", "config": {"name": "add", "trainable": true, "dtype": "float32"}, "name": "add", "i\#
    nbound_nodes": [[["activation", 0, 0, {}], ["batch_normalization_1", 0, 0, {}]]]}, {"class_name": "A\#
    veragePooling2D", "config": {"name": "average_pooling2d", "trainable": true, "dtype": "float32", "po\#
    ol_size": [8, 8], "padding": "valid", "strides": [8, 8], "data_format": "channels_last"}, "name": "a\#
    verage_pooling2d", "inbound_nodes": [[["add", 0, 0, {}]]]}, {"class_name": "Flatten", "config": {"na\#
    me": "flatten", "trainable": true, "dtype": "float32", "data_format": "channels_last"}, "name": "fla\#
    tten", "inbound_nodes": [[["average_pooling2d", 0, 0, {}]]]}, {"class_name": "Dense", "config": {"na\#
    me": "dense", "trainable": true, "dtype": "float32", "units": 10, "activation": "softmax", "use_bias\#
    ": true, "kernel_initializer": {"class_name": "HeNormal", "config": {"seed": null}}, "bias_initializ\#
    er": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": null, "bias_regularizer": null, "a\#
    ctivity_regularizer": null, "kernel_constraint": null, "bias_constraint": null}, "name": "dense", "i\#
    nbound_nodes": [[["flatten", 0, 0, {}]]]}], "input_layers": [["input_1", 0, 0]], "output_layers": [[\#
    "dense", 0, 0]]}}
    """#

/// A Sequential model of Keras 3's legacy HDF5 format: 8×8×3 to 3 features.
let keras3Sequential = #"""
    {"class_name": "Sequential", "config": {"name": "sq", "trainable": true, "dtype": {"module": "keras"\#
    , "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null}, "layers": [{\#
    "class_name": "InputLayer", "config": {"batch_shape": [null, 8, 8, 3], "dtype": "float32", "sparse"\#
    : false, "ragged": false, "name": "input_layer_4", "optional": false}}, {"class_name": "Normalizatio\#
    n", "config": {"name": "normalization", "trainable": true, "dtype": {"module": "keras", "class_name"\#
    : "DTypePolicy", "config": {"name": "float32"}, "registered_name": null}, "axis": [-1], "invert": fa\#
    lse, "mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 9.0]}}, {"class_name": "Conv2D", "config": {"na\#
    me": "c", "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"n\#
    ame": "float32"}, "registered_name": null}, "filters": 8, "kernel_size": [3, 3], "strides": [1, 1]\#
    , "padding": "valid", "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1, "activat\#
    ion": "linear", "use_bias": true, "kernel_initializer": {"module": "keras.initializers", "class_name\#
    ": "GlorotUniform", "config": {"seed": null, "input_axes": null, "output_axes": null}, "registered_n\#
    ame": null}, "bias_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config": {\#
    }, "registered_name": null}, "kernel_regularizer": null, "bias_regularizer": null, "activity_regular\#
    izer": null, "kernel_constraint": null, "bias_constraint": null}}, {"class_name": "BatchNormalizatio\#
    n", "config": {"name": "b", "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePoli\#
    cy", "config": {"name": "float32"}, "registered_name": null}, "axis": -1, "momentum": 0.99, "epsilon\#
    ": 0.001, "center": true, "scale": true, "beta_initializer": {"module": "keras.initializers", "class\#
    _name": "Zeros", "config": {}, "registered_name": null}, "gamma_initializer": {"module": "keras.init\#
    ializers", "class_name": "Ones", "config": {}, "registered_name": null}, "moving_mean_initializer"\#
    : {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": null}, "m\#
    oving_variance_initializer": {"module": "keras.initializers", "class_name": "Ones", "config": {}, "r\#
    egistered_name": null}, "beta_regularizer": null, "gamma_regularizer": null, "beta_constraint": null\#
    , "gamma_constraint": null, "synchronized": false, "renorm": false, "renorm_clipping": null, "renorm\#
    _momentum": 0.99}}, {"class_name": "ReLU", "config": {"name": "re_lu", "trainable": true, "dtype": {\#
    "module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": nu\#
    ll}, "max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}}, {"class_name": "MaxPooling2D", "co\#
    nfig": {"name": "max_pooling2d", "trainable": true, "dtype": {"module": "keras", "class_name": "DTyp\#
    ePolicy", "config": {"name": "float32"}, "registered_name": null}, "pool_size": [2, 2], "padding": "\#
    valid", "strides": [2, 2], "data_format": "channels_last"}}, {"class_name": "Flatten", "config": {"n\#
    ame": "flatten", "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePolicy", "confi\#
    g": {"name": "float32"}, "registered_name": null}, "data_format": "channels_last"}}, {"class_name"\#
    : "Dense", "config": {"name": "d", "trainable": true, "dtype": {"module": "keras", "class_name": "DT\#
    ypePolicy", "config": {"name": "float32"}, "registered_name": null}, "units": 3, "activation": "line\#
    ar", "use_bias": true, "kernel_initializer": {"module": "keras.initializers", "class_name": "GlorotU\#
    niform", "config": {"seed": null, "input_axes": null, "output_axes": null}, "registered_name": null}\#
    , "bias_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registe\#
    red_name": null}, "kernel_regularizer": null, "bias_regularizer": null, "kernel_constraint": null, "\#
    bias_constraint": null, "quantization_config": null}}], "build_input_shape": [null, 8, 8, 3]}}
    """#

/// Keras 3's own format: a Functional and a Sequential model inside, each called twice.
let keras3Shared = #"""
    {"module": "keras.src.models.functional", "class_name": "Functional", "config": {"name": "shared", "\#
    trainable": true, "layers": [{"module": "keras.layers", "class_name": "InputLayer", "config": {"batc\#
    h_shape": [null, 8, 8, 4], "dtype": "float32", "sparse": false, "ragged": false, "name": "input_laye\#
    r_1", "optional": false}, "registered_name": null, "name": "input_layer_1", "inbound_nodes": []}, {"\#
    module": "keras.src.models.functional", "class_name": "Functional", "config": {"name": "blk", "train\#
    able": true, "layers": [{"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_sha\#
    pe": [null, 8, 8, 4], "dtype": "float32", "sparse": false, "ragged": false, "name": "input_layer", "\#
    optional": false}, "registered_name": null, "name": "input_layer", "inbound_nodes": []}, {"module"\#
    : "keras.layers", "class_name": "Conv2D", "config": {"name": "c", "trainable": true, "dtype": {"modu\#
    le": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null}\#
    , "filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "data_format": "channel\#
    s_last", "dilation_rate": [1, 1], "groups": 1, "activation": "linear", "use_bias": false, "kernel_in\#
    itializer": {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": null\#
    , "input_axes": null, "output_axes": null}, "registered_name": null}, "bias_initializer": {"module"\#
    : "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": null}, "kernel_regul\#
    arizer": null, "bias_regularizer": null, "activity_regularizer": null, "kernel_constraint": null, "b\#
    ias_constraint": null}, "registered_name": null, "build_config": {"input_shape": [null, 8, 8, 4]}, "\#
    name": "c", "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"shape": [null\#
    , 8, 8, 4], "dtype": "float32", "keras_history": ["input_layer", 0, 0]}}], "kwargs": {}}]}, {"module\#
    ": "keras.layers", "class_name": "BatchNormalization", "config": {"name": "b", "trainable": true, "d\#
    type": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_n\#
    ame": null, "shared_object_id": 140319839706064}, "axis": -1, "momentum": 0.99, "epsilon": 0.001, "c\#
    enter": true, "scale": true, "beta_initializer": {"module": "keras.initializers", "class_name": "Zer\#
    os", "config": {}, "registered_name": null}, "gamma_initializer": {"module": "keras.initializers", "\#
    class_name": "Ones", "config": {}, "registered_name": null}, "moving_mean_initializer": {"module": "\#
    keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": null}, "moving_variance\#
    _initializer": {"module": "keras.initializers", "class_name": "Ones", "config": {}, "registered_name\#
    ": null}, "beta_regularizer": null, "gamma_regularizer": null, "beta_constraint": null, "gamma_const\#
    raint": null, "synchronized": false, "renorm": false, "renorm_clipping": null, "renorm_momentum": 0.\#
    99}, "registered_name": null, "build_config": {"input_shape": [null, 8, 8, 4]}, "name": "b", "inboun\#
    d_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": {"shape": [null, 8, 8, 4], "dtype"\#
    : "float32", "keras_history": ["c", 0, 0]}}], "kwargs": {"mask": null}}]}], "input_layers": ["input_\#
    layer", 0, 0], "output_layers": ["b", 0, 0]}, "registered_name": "Functional", "build_config": {"inp\#
    ut_shape": null}, "compile_config": {}, "name": "blk", "inbound_nodes": [{"args": [{"class_name": "_\#
    _keras_tensor__", "config": {"shape": [null, 8, 8, 4], "dtype": "float32", "keras_history": ["input_\#
    layer_1", 0, 0]}}], "kwargs": {"mask": null}}, {"args": [{"class_name": "__keras_tensor__", "config"\#
    : {"shape": [null, 8, 8, 4], "dtype": "float32", "keras_history": ["sq", 0, 0]}}], "kwargs": {"mask"\#
    : null}}]}, {"module": "keras", "class_name": "Sequential", "config": {"name": "sq", "trainable": tr\#
    ue, "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "regist\#
    ered_name": null, "shared_object_id": 140319839706064}, "layers": [{"module": "keras.layers", "class\#
    _name": "InputLayer", "config": {"batch_shape": [null, 8, 8, 4], "dtype": "float32", "sparse": false\#
    , "ragged": false, "name": "input_layer_2", "optional": false}, "registered_name": null}, {"module"\#
    : "keras.layers", "class_name": "Conv2D", "config": {"name": "sc", "trainable": true, "dtype": {"mod\#
    ule": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null\#
    , "shared_object_id": 140319839706064}, "filters": 4, "kernel_size": [1, 1], "strides": [1, 1], "pad\#
    ding": "valid", "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1, "activation"\#
    : "linear", "use_bias": true, "kernel_initializer": {"module": "keras.initializers", "class_name": "\#
    GlorotUniform", "config": {"seed": null, "input_axes": null, "output_axes": null}, "registered_name"\#
    : null}, "bias_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "\#
    registered_name": null}, "kernel_regularizer": null, "bias_regularizer": null, "activity_regularizer\#
    ": null, "kernel_constraint": null, "bias_constraint": null}, "registered_name": null, "build_config\#
    ": {"input_shape": [null, 8, 8, 4]}}, {"module": "keras.layers", "class_name": "BatchNormalization"\#
    , "config": {"name": "sb", "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePolic\#
    y", "config": {"name": "float32"}, "registered_name": null, "shared_object_id": 140319839706064}, "a\#
    xis": -1, "momentum": 0.99, "epsilon": 0.001, "center": true, "scale": true, "beta_initializer": {"m\#
    odule": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": null}, "gamma_\#
    initializer": {"module": "keras.initializers", "class_name": "Ones", "config": {}, "registered_name"\#
    : null}, "moving_mean_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config"\#
    : {}, "registered_name": null}, "moving_variance_initializer": {"module": "keras.initializers", "cla\#
    ss_name": "Ones", "config": {}, "registered_name": null}, "beta_regularizer": null, "gamma_regulariz\#
    er": null, "beta_constraint": null, "gamma_constraint": null, "synchronized": false, "renorm": false\#
    , "renorm_clipping": null, "renorm_momentum": 0.99}, "registered_name": null, "build_config": {"inpu\#
    t_shape": [null, 8, 8, 4]}}], "build_input_shape": [null, 8, 8, 4]}, "registered_name": null, "build\#
    _config": {"input_shape": [null, 8, 8, 4]}, "compile_config": {}, "name": "sq", "inbound_nodes": [{"\#
    args": [{"class_name": "__keras_tensor__", "config": {"shape": [null, 8, 8, 4], "dtype": "float32"\#
    , "keras_history": ["blk", 0, 0]}}], "kwargs": {"mask": null}}, {"args": [{"class_name": "__keras_te\#
    nsor__", "config": {"shape": [null, 8, 8, 4], "dtype": "float32", "keras_history": ["add", 0, 0]}}]\#
    , "kwargs": {"mask": null}}]}, {"module": "keras.layers", "class_name": "Add", "config": {"name": "a\#
    dd", "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name"\#
    : "float32"}, "registered_name": null, "shared_object_id": 140319839706064}}, "registered_name": nul\#
    l, "build_config": {"input_shape": [[null, 8, 8, 4], [null, 8, 8, 4]]}, "name": "add", "inbound_node\#
    s": [{"args": [[{"class_name": "__keras_tensor__", "config": {"shape": [null, 8, 8, 4], "dtype": "fl\#
    oat32", "keras_history": ["blk", 1, 0]}}, {"class_name": "__keras_tensor__", "config": {"shape": [nu\#
    ll, 8, 8, 4], "dtype": "float32", "keras_history": ["input_layer_1", 0, 0]}}]], "kwargs": {}}]}], "i\#
    nput_layers": ["input_layer_1", 0, 0], "output_layers": ["sq", 1, 0]}, "registered_name": "Functiona\#
    l", "build_config": {"input_shape": null}, "compile_config": {}}
    """#

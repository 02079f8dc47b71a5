import Tensors

/// The classes and functions that a pickle names. None of them is ever run; they select a value to build.
enum PickleGlobal: Equatable {
    case orderedDictionary
    /// A dictionary whose missing entries have a default.
    case defaultDictionary
    /// Sets and queues, which take a list of their elements.
    case list
    /// Functions that give their first argument back: the shape of `torch.Size`, TorchScript's typed lists.
    case identity
    /// A string's bytes: `_codecs.encode`.
    case encode
    case rebuild(Rebuild)
    case storage(TorchElements)
    case elementType(ElementType)
    case numpyArray
    case numpyType
    case numpyBuffer
    /// Any other one.
    case opaque(String)

    /// PyTorch's functions that make tensors: `torch/_utils.py`.
    enum Rebuild: Equatable {
        /// `(storage, offset, size, stride, …)`, with a type as the seventh in version 3.
        case tensor
        case typedTensor
        /// `(tensor, …)`
        case parameter
        /// `(function, class, arguments, state)`
        case subclass
        /// What is not read, by its kind.
        case other(String)
    }

    init(module: String, name: String) {
        // numpy 2 renamed its core.
        let module = module.hasPrefix("numpy._core") ? "numpy.core" + module.dropFirst(11) : module
        if module == "torch" || module == "torch.storage" {
            if let elements = TorchElements.storages[name] {
                self = .storage(elements)
                return
            }
            if module == "torch", let type = Self.elementTypes[name] {
                self = .elementType(type)
                return
            }
        }
        let full = "\(module).\(name)"
        self = Self.known[full] ?? .opaque(full)
    }

    /// The name of a class or function of which objects are made: `torch.nn.modules.conv.Conv2d`.
    var name: String {
        switch self {
        case .opaque(let name): name
        case .storage(let elements): "torch.\(elements.name)"
        case .numpyArray: "numpy.ndarray"
        case .numpyType: "numpy.dtype"
        default: "\(self)"
        }
    }

    private static let elementTypes: [String: ElementType] = {
        var types = Dictionary(uniqueKeysWithValues: ElementType.allCases.map { ($0.rawValue, $0) })
        types["bool"] = .uint8
        return types
    }()

    private static let known: [String: PickleGlobal] = [
        "collections.OrderedDict": .orderedDictionary,
        "collections.defaultdict": .defaultDictionary,
        "builtins.set": .list, "__builtin__.set": .list,
        "builtins.frozenset": .list, "__builtin__.frozenset": .list, "collections.deque": .list,
        "torch.Size": .identity,
        "torch.jit._pickle.build_intlist": .identity, "torch.jit._pickle.build_doublelist": .identity,
        "torch.jit._pickle.build_boollist": .identity, "torch.jit._pickle.build_tensorlist": .identity,
        "torch.jit._pickle.restore_type_tag": .identity,
        "_codecs.encode": .encode,
        "torch._utils._rebuild_tensor": .rebuild(.tensor),
        "torch._utils._rebuild_tensor_v2": .rebuild(.tensor),
        "torch._utils._rebuild_tensor_v3": .rebuild(.typedTensor),
        "torch._utils._rebuild_parameter": .rebuild(.parameter),
        "torch._utils._rebuild_parameter_with_state": .rebuild(.parameter),
        "torch.nn.parameter.Parameter": .rebuild(.parameter),
        "torch._tensor._rebuild_from_type": .rebuild(.subclass),
        "torch._tensor._rebuild_from_type_v2": .rebuild(.subclass),
        "torch._utils._rebuild_qtensor": .rebuild(.other("a quantized tensor")),
        "torch._utils._rebuild_sparse_tensor": .rebuild(.other("a sparse tensor")),
        "torch._utils._rebuild_nested_tensor": .rebuild(.other("a nested tensor")),
        "torch._utils._rebuild_meta_tensor_no_storage": .rebuild(.other("a tensor without numbers")),
        "torch._utils._rebuild_wrapper_subclass": .rebuild(.other("a tensor of a class of its own")),
        "torch._utils._rebuild_xla_tensor": .rebuild(.other("a tensor of another device")),
        "torch._utils._rebuild_device_tensor_from_numpy": .rebuild(.other("a tensor of another device")),
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": .rebuild(.other("a tensor of another device")),
        "numpy.core.multiarray._reconstruct": .numpyArray,
        "numpy.dtype": .numpyType,
        "numpy.core.numeric._frombuffer": .numpyBuffer,
    ]
}

extension PickleGlobal {
    /// Whether a class or function runs commands or code, which no checkpoint needs. normconv would not run it, but
    /// whoever loads the file in Python would.
    static func runsCode(module: String, name: String) -> Bool {
        let modules = [
            "os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "runpy", "pty", "importlib", "code",
            "commands", "ctypes", "webbrowser", "timeit", "pip",
        ]
        let functions = ["eval", "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint"]
        // Attributes of a module lead to others: `torch.serialization` and `os.system`.
        let path = name.prefix(1000).split(separator: ".").map(String.init)
        // A folder of somebody's own classes may have such a name: only the module itself counts.
        return modules.contains(module) || path.dropLast().contains(where: modules.contains)
            || ["builtins", "__builtin__"].contains(module) && path.contains(where: functions.contains)
    }
}

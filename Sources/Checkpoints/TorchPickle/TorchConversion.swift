import Tensors

/// The way on with a file of PyTorch's that is not read here: a command that has PyTorch itself make a safetensors file
/// of it.
enum TorchConversion {
    /// Tensors alone, which PyTorch loads without running anything of the file.
    case tensors
    /// Other objects next to the tensors, or a whole module: PyTorch runs code that the file names.
    case objects
    /// A TorchScript archive.
    case script

    /// The advice for a file whose pickle needs a class or function.
    static func remedy(_ path: String, global name: String) -> String {
        // Names that files give may be very long.
        let name = name.prefix(200)
        if runsAnything(name) {
            return "No network needs it. Do not load this file: it could run any program"
        }
        return
            "PyTorch can convert the file to safetensors if the code of '\(name)' is installed. Loading runs code that "
            + "the file names; do it only if you trust the file: " + objects.command(for: path)
    }

    /// The command, safe to paste into a shell. It overwrites no file.
    func command(for path: String) -> String {
        "python3 -c '\(program)' \(path.shellWord) \(Self.output(for: path).shellWord)"
    }

    /// Python without single quotes: it stands in them.
    private var program: String {
        let load =
            switch self {
            case .tensors: "torch.load(sys.argv[1],map_location=\"cpu\",weights_only=True)"
            case .objects: "torch.load(sys.argv[1],map_location=\"cpu\",weights_only=False)"
            case .script: "torch.jit.load(sys.argv[1],map_location=\"cpu\")"
            }
        let wrappers = TorchZipFile.wrappers.map { "\"\($0)\"" }.joined(separator: ",")
        return "import sys,torch,safetensors.torch as s;h=hasattr;d=\(load);"
            + "d=next((d[k] for k in (\(wrappers)) if h(d.get(k),\"items\") or h(d.get(k),\"state_dict\")),d) "
            + "if isinstance(d,dict) else d;d=d.state_dict() if h(d,\"state_dict\") else d;"
            + "b=s.save({k:v.detach().contiguous().clone() for k,v in d.items() if torch.is_tensor(v)});"
            + "open(sys.argv[2],\"xb\").write(b)"
    }

    /// The name of the new file: the old one's, with another ending.
    private static func output(for path: String) -> String {
        let ending = [".pth.tar", ".pth", ".pt", ".ckpt", ".bin", ".pkl", ".tar"].first {
            path.lowercased().hasSuffix($0)
        }
        return path.dropLast(ending?.count ?? 0) + ".safetensors"
    }

    /// Whether a global is of what runs commands or code, which no checkpoint needs.
    private static func runsAnything(_ name: Substring) -> Bool {
        let modules = [
            "os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "runpy", "pty", "importlib", "code",
            "commands", "ctypes", "webbrowser", "multiprocessing", "asyncio", "timeit", "pip",
        ]
        let functions = ["eval", "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint"]
        let parts = name.split(separator: ".").map(String.init)
        guard let module = parts.first else { return false }
        return modules.contains(module)
            || ["builtins", "__builtin__"].contains(module)
                && parts.dropFirst().contains(where: functions.contains)
    }
}

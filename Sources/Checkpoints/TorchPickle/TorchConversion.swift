import Tensors

/// The way on with a file of tensors that is not read here: a command that has PyTorch itself make a safetensors file of it.
/// PyTorch loads it without running anything of it.
enum TorchConversion {
    /// The command, safe to paste into a shell. It overwrites no file.
    static func command(for path: String) -> String {
        "python3 -c '\(program)' \(path.shellWord) \(output(for: path).shellWord)"
    }

    /// Python without single quotes: it stands in them.
    private static var program: String {
        let keys = StateDictionary.usualKeys.map { "\"\($0)\"" }.joined(separator: ",")
        return "import sys,torch,safetensors.torch as s;"
            + "d=torch.load(sys.argv[1],map_location=\"cpu\",weights_only=True);"
            + "d=next((d[k] for k in (\(keys)) if hasattr(d.get(k),\"items\")),d);"
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
}

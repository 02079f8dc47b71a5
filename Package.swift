// swift-tools-version: 6.0
import PackageDescription

/// A library target of this package.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies)
}

/// A test target; `Fixtures/` is found from the source file's own path.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"])
}

/// The system's oneDNN, unless DNNL_ROOT names another one, which scripts/swift-flags links by its path: the folders of
/// other libraries, where the system's may lie, are searched first.
let dnnl: [LinkerSetting] =
    (Context.environment["DNNL_ROOT"] ?? "").isEmpty ? [.linkedLibrary("dnnl")] : []

let package = Package(
    name: "normconv",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "NormConvKit", targets: ["NormConvKit"]),
        .executable(name: "normconv", targets: ["normconv"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.0.0"),
    ],
    targets: [
        // C: system libraries as a module map and a shim, and our own vector kernels.
        .systemLibrary(
            name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CTurboJPEG", pkgConfig: "libturbojpeg",
            providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
        .systemLibrary(
            name: "CSPNG", pkgConfig: "spng", providers: [.apt(["libspng-dev"]), .brew(["libspng"])]),
        .systemLibrary(
            name: "CDNNL", providers: [.apt(["libdnnl-dev"]), .brew(["onednn"])]),
        .target(name: "CKernels"),
        .target(name: "CConvolutions"),
        .target(name: "CCrashGuard"),
        .target(name: "CHDF5Driver", dependencies: ["CHDF5", "CCrashGuard"]),

        // Leaves.
        library("Tensors", []),
        library("OrderedJSON", []),
        library("Threads", ["CCrashGuard"]),
        library("Archives", ["Tensors", "CZlib", "CCrashGuard"]),
        library("HDF5", ["CHDF5", "CHDF5Driver", "CCrashGuard", "Archives", "Tensors"]),
        library("Networks", ["Tensors", "OrderedJSON"]),
        library("Evaluation", ["Tensors"]),

        // The five rooms that never import each other.
        library("Checkpoints", ["Tensors", "OrderedJSON", "HDF5", "Archives", "CCrashGuard"]),
        library("Conversion", ["Tensors", "Networks", "Threads", "CKernels"]),
        .target(
            name: "Inference",
            dependencies: ["Tensors", "Networks", "Threads", "CDNNL", "CKernels", "CConvolutions"],
            linkerSettings: dnnl),
        library(
            "Training", ["Tensors", "Networks", "Threads", "Inference", "CDNNL", "CKernels", "CConvolutions"]),
        library("FineTuning", ["Tensors", "Networks", "Threads", "Inference", "Training", "CKernels"]),
        library(
            "Calibration",
            ["Tensors", "Networks", "Threads", "Conversion", "Inference", "Training", "CDNNL", "CKernels"]),
        library("Datasets", ["Tensors", "Threads", "HDF5", "Archives", "CTurboJPEG", "CSPNG", "CKernels"]),
        .target(
            name: "Reports",
            dependencies: [
                "Evaluation", "Tensors", "CZlib", .product(name: "Mustache", package: "swift-mustache"),
            ],
            // In the program itself: it stays one file.
            resources: [.embedInCode("Templates")]),

        // Where they meet.
        library(
            "NormConvKit",
            [
                "Tensors", "OrderedJSON", "Archives", "Threads", "Networks", "Checkpoints", "Conversion",
                "Inference",
                "Training", "FineTuning", "Calibration", "Datasets", "Evaluation", "Reports",
            ]),
        .executableTarget(
            name: "normconv",
            dependencies: [
                "NormConvKit", "Threads", "CKernels", "CCrashGuard",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        .executableTarget(
            name: "normconv-fuzz",
            dependencies: [
                "NormConvKit", "HDF5", "Archives", "Networks", "OrderedJSON", "Tensors", "CCrashGuard",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // What the library computes while signals rain on its process, for tests.
        .target(name: "CSignalStorm", path: "Tests/CSignalStorm"),
        .executableTarget(
            name: "signal-storm",
            dependencies: [
                "CSignalStorm", "NormConvKit", "Calibration", "Inference", "Conversion", "Networks",
                "Tensors",
            ],
            path: "Tests/SignalStorm"),
        .target(
            name: "TestSupport", dependencies: ["Tensors", "HDF5", "Archives", "Checkpoints"],
            path: "Tests/TestSupport"),
        tests("TensorsTests", ["Tensors"]),
        tests("OrderedJSONTests", ["OrderedJSON"]),
        tests("ThreadsTests", ["Threads"]),
        tests("ArchivesTests", ["Archives"]),
        tests("HDF5Tests", ["HDF5", "CHDF5", "CCrashGuard"]),
        tests("NetworksTests", ["Networks"]),
        tests("CheckpointsTests", ["Checkpoints", "Archives"]),
        tests("ConversionTests", ["Conversion", "Calibration", "HDF5"]),
        tests("InferenceTests", ["Inference", "Training", "Calibration"]),
        tests("FineTuningTests", ["FineTuning"]),
        tests("DatasetsTests", ["Datasets", "Archives", "HDF5", "CHDF5"]),
        tests("EvaluationTests", ["Evaluation"]),
        tests("ReportsTests", ["Reports", "CZlib"]),
        tests(
            "NormConvKitTests",
            ["NormConvKit", "Archives", "HDF5", "Inference", "Training", "FineTuning", "Calibration"]),
        tests("CommandTests", ["NormConvKit", "HDF5", "normconv", "signal-storm"]),
    ],
    swiftLanguageModes: [.v6]
)

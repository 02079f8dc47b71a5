// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "ConvertAndEvaluate",
    platforms: [.macOS(.v15)],
    // In a package of one's own: .package(url: …, from: "0.2.0").
    dependencies: [.package(name: "normconv", path: "../..")],
    targets: [
        .executableTarget(
            name: "ConvertAndEvaluate", dependencies: [.product(name: "NormConvKit", package: "normconv")]),
        .executableTarget(
            name: "FineTune", dependencies: [.product(name: "NormConvKit", package: "normconv")]),
    ],
    swiftLanguageModes: [.v6]
)

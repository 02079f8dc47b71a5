import Testing

@testable import Datasets

/// Against the bits of Float32 results of NumPy 2.4, PyTorch 2.15 and Keras 3.15.
@Suite struct PreprocessingBitsTests {
    private static let pixels: [UInt8] = [0, 1, 2, 77, 128, 200, 254, 255]

    private func bits(_ preprocessing: Preprocessing, channels: Int) -> [UInt32] {
        Self.pixels.flatMap { pixel in
            (0..<channels).map { channel in
                preprocessing.apply(Float(pixel), channel: channel, scale: .bytes).bitPattern
            }
        }
    }

    @Test("torch is PyTorch's ToTensor and Normalize, bit by bit")
    func torch() {
        // x = torch.tensor(pixels).float().div(255)[:, None].repeat(1, 3)
        // x.sub_(torch.tensor([.485, .456, .406])).div_(torch.tensor([.229, .224, .225]))
        let expected: [UInt32] = [
            0xc007_8bbd, 0xc002_4924, 0xbfe6_f809, 0xc006_732b, 0xc001_2a4f, 0xbfe4_bcea,
            0xc005_5a98, 0xc000_0b79, 0xbfe2_81cc, 0xbf4c_9ec9, 0xbf30_0b78, 0xbeec_bf39,
            0x3d97_af32, 0x3e52_1b48, 0x3eda_5d3c, 0x3fa7_4d4f, 0x3fbb_9b9c, 0x3fd7_37ef,
            0x400e_d58a, 0x401a_4ee0, 0x4027_d834, 0x400f_ee1d, 0x401b_6db7, 0x4028_f5c3,
        ]
        #expect(bits(.torch, channels: 3) == expected)
    }

    @Test("unit and tf are NumPy's and Keras' ResNet50V2, bit by bit")
    func unitAndTF() {
        // numpy.float32(pixels) / numpy.float32(255)
        let unit: [UInt32] = [
            0, 0x3b80_8081, 0x3c00_8081, 0x3e9a_9a9b, 0x3f00_8081, 0x3f48_c8c9, 0x3f7e_feff, 0x3f80_0000,
        ]
        #expect(bits(.unit, channels: 1) == unit)
        // keras.applications.resnet_v2.preprocess_input(numpy.float32(pixels))
        let tf: [UInt32] = [
            0xbf80_0000, 0xbf7d_fdfe, 0xbf7b_fbfc, 0xbeca_caca,
            0x3b80_8100, 0x3f11_9192, 0x3f7d_fdfe, 0x3f80_0000,
        ]
        #expect(bits(.tf, channels: 1) == tf)
    }

    @Test("MEAN,STD is NumPy's, bit by bit")
    func custom() throws {
        // (numpy.float32(pixels) / numpy.float32(255) - numpy.float32(.1307)) / numpy.float32(.3081)
        let expected: [UInt32] = [
            0xbed9_3271, 0xbed2_ae20, 0xbecc_29d0, 0x3f0e_4ce9,
            0x3f9a_3d7a, 0x4007_c593, 0x4033_c2b3, 0x4034_933d,
        ]
        #expect(bits(try Preprocessing(parsing: "0.1307,0.3081"), channels: 1) == expected)
    }

    @Test("caffe is Keras' ResNet50: blue, green, red minus the means, bit by bit")
    func caffe() throws {
        // image = numpy.stack([pixels, pixels[::-1], pixels * 3 % 256], -1)
        // keras.applications.resnet50.preprocess_input(numpy.float32(image))
        let image = zip(Self.pixels, Self.pixels.reversed()).flatMap { [$0, $1, UInt8(Int($0) * 3 % 256)] }
        let expected: [UInt32] = [
            0xc2cf_e0c5, 0x430a_3894, 0xc2f7_5c29, 0xc2c9_e0c5, 0x4309_3894, 0xc2f5_5c29,
            0xc2c3_e0c5, 0x42a6_7127, 0xc2f3_5c29, 0x42fe_1f3b, 0x4133_8938, 0xc23a_b852,
            0x41c0_7cec, 0xc21f_1db2, 0x408a_3d70, 0xc17f_0628, 0xc2e5_8ed9, 0x4298_a3d7,
            0x4312_0f9e, 0xc2e7_8ed9, 0x4302_51ec, 0x4315_0f9e, 0xc2e9_8ed9, 0x4303_51ec,
        ]
        try MadeSplit.open(MadeArray("images", "|u1", [1, 2, 4, 3], image)) { split in
            let found = try split.read(0..<1, preprocessing: .caffe)
            #expect(found.map(\.bitPattern) == expected)
        }
    }

    @Test("MEAN,STD takes one number or one per channel")
    func perChannel() throws {
        let torch = try Preprocessing(parsing: "0.485:0.456:0.406,0.229:0.224:0.225")
        #expect(bits(torch, channels: 3) == bits(.torch, channels: 3))
        #expect(torch.channels == 3)
        let mixed = try Preprocessing(parsing: "0.5:0.25,0.5")
        #expect(mixed.channels == 2)
        #expect(mixed.apply(255, channel: 0, scale: .bytes) == 1)
        #expect(mixed.apply(255, channel: 1, scale: .bytes) == 1.5)
        #expect(try Preprocessing(parsing: "0,1").channels == nil)
    }

    @Test("A description reads as the same preprocessing")
    func parsing() throws {
        let custom = try Preprocessing(parsing: "0.5:0.4:0.3,0.25")
        for preprocessing in [Preprocessing.raw, .unit, .torch, .caffe, .tf, custom] {
            #expect(try Preprocessing(parsing: preprocessing.description) == preprocessing)
        }
    }

    @Test(
        "Text that is no preprocessing is refused",
        arguments: [
            "", "Torch", "imagenet", "0.5", "0.5,", ",0.5", "0.5,0", "0.5,-1", "nan,1", "0,inf",
            "0.5,0.5,0.5", "0.1:0.2,0.1:0.2:0.3", "0.1::0.2,1", "a,b",
        ])
    func unknown(text: String) {
        let expected = DatasetError.unknownPreprocessing(found: text, expected: Preprocessing.forms)
        #expect(throws: expected) { try Preprocessing(parsing: text) }
    }

    @Test(
        "Numbers that make pixels infinite are refused",
        arguments: ["0,1e-39", "0,1e-44", "3e38,0.5", "-3e38,0.1", "0:0:0,1:1:1e-40"])
    func overflowing(text: String) {
        #expect(throws: DatasetError.overflowingPreprocessing(found: text)) {
            try Preprocessing(parsing: text)
        }
    }

    @Test("On images of 0…1 nothing is divided by 255, and presets for 0…255 multiply first")
    func unitScale() {
        #expect(Preprocessing.unit.apply(0.5, channel: 0, scale: .unit) == 0.5)
        #expect(Preprocessing.raw.apply(0.5, channel: 0, scale: .unit) == 0.5)
        let torch = (Float(0.5) - 0.485) / 0.229
        #expect(Preprocessing.torch.apply(0.5, channel: 0, scale: .unit) == torch)
        #expect(Preprocessing.tf.apply(0.5, channel: 0, scale: .unit) == 0)
        #expect(Preprocessing.caffe.apply(1, channel: 2, scale: .unit) == 255 - Float(123.68))
    }
}

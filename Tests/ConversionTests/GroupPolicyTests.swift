import Testing

@testable import Conversion

@Suite("Groups of a norm")
struct GroupPolicyTests {
    @Test(
        "automatic groups are 32 from 64 channels on, otherwise leave at least 8 channels a group",
        arguments: [
            (1, 1), (3, 1), (8, 1), (15, 1), (16, 2), (24, 3), (32, 4), (48, 6), (64, 32), (80, 10), (96, 32),
            (256, 32), (2048, 32), (1000, 25), (127, 1),
        ])
    func automatic(channels: Int, groups: Int) throws {
        #expect(try GroupPolicy.auto.groups(channels: channels, layer: "bn") == groups)
    }

    @Test(
        "gcd is the greatest common divisor with 32",
        arguments: [(16, 16), (48, 16), (64, 32), (3, 1), (100, 4)])
    func gcd(channels: Int, groups: Int) throws {
        #expect(try GroupPolicy.gcd.groups(channels: channels, layer: "bn") == groups)
    }

    @Test(
        "a size that is to be near is the nearest that divides the channels",
        arguments: [
            (1, 1), (3, 3), (8, 8), (16, 16), (24, 12), (32, 16), (40, 20), (48, 16), (64, 16), (72, 18),
            (127, 127), (509, 509),
        ])
    func near(channels: Int, size: Int) throws {
        #expect(try GroupPolicy.near(16).groups(channels: channels, layer: "bn") == channels / size)
    }

    @Test("a number of groups and a size of groups are taken as they are")
    func strict() throws {
        #expect(try GroupPolicy.count(8).groups(channels: 16, layer: "bn") == 8)
        #expect(try GroupPolicy.perGroup(8).groups(channels: 48, layer: "bn") == 6)
    }

    @Test("layer norm is one group and instance norm one channel a group, whatever the policy")
    func targets() throws {
        let layerNorm = ConversionOptions(target: .layerNorm, groups: .count(7))
        #expect(try layerNorm.groups(channels: 16, layer: "bn") == 1)
        let instanceNorm = ConversionOptions(target: .instanceNorm, groups: .count(7))
        #expect(try instanceNorm.groups(channels: 16, layer: "bn") == 16)
    }

    @Test(
        "groups that do not divide the channels are refused by the layer's name", arguments: [0, -2, 5, 32])
    func countRefused(count: Int) {
        #expect(throws: ConversionError.groupsDoNotDivide(layer: "bn", channels: 16, groups: count)) {
            try GroupPolicy.count(count).groups(channels: 16, layer: "bn")
        }
    }

    @Test(
        "a size that does not divide the channels is refused by the layer's name", arguments: [0, -8, 5, 32])
    func sizeRefused(size: Int) {
        if size < 1 {
            #expect(throws: ConversionError.groupSizeDoesNotDivide(layer: "bn", channels: 16, size: size)) {
                try GroupPolicy.near(size).groups(channels: 16, layer: "bn")
            }
        }
        #expect(throws: ConversionError.groupSizeDoesNotDivide(layer: "bn", channels: 16, size: size)) {
            try GroupPolicy.perGroup(size).groups(channels: 16, layer: "bn")
        }
    }
}

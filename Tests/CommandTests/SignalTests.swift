#if os(Linux)
    import Foundation
    import TestSupport
    import Testing

    /// A program that uses the library and has signals of its own, a thousand a second, under an allocator that checks its heap.
    /// oneDNN's matrix product has its stack pointer in the heap: a handler that ran there would write over it.
    @Suite("Signals of the program around the library")
    struct SignalTests {
        @Test(
            "are handled where nothing is computed, and change no result",
            arguments: [
                ("sums", "AVX2"), ("sums", ""), ("calibrate", "AVX2"), ("calibrate", ""), ("solve", ""),
                ("engine", ""), ("plan", ""), ("evaluate", ""),
            ])
        func library(job: String, instructions: String) throws {
            var environment = ["ONEDNN_MAX_CPU_ISA": instructions]
            // Sanitizers have allocators of their own.
            if !ProcessInfo.processInfo.environment.keys.contains(where: { $0.hasSuffix("SAN_OPTIONS") }) {
                environment["LD_PRELOAD"] = "libc_malloc_debug.so.0"
                environment["GLIBC_TUNABLES"] = "glibc.malloc.check=3"
            }
            let run = try run(
                "signal-storm", [job, TestFiles.root.appendingPathComponent("Fixtures").path, "1000"],
                environment: environment)
            #expect(run.code == 0, "\(run.errors)")
            let numbers = try run.output.split(separator: ",").map { part in
                try #require(part.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) })
            }
            try #require(numbers.count == 4, "\(run.output)")
            let (sent, handled, misplaced, different) = (numbers[0], numbers[1], numbers[2], numbers[3])
            #expect(sent >= 1000 && handled > 0)
            #expect(misplaced == 0, "\(run.errors)")
            #expect(different == 0)
        }
    }
#endif

// Tests of how a process ends came with Swift 6.2.
#if compiler(>=6.2)
    import CCrashGuard
    import Foundation
    import Testing

    /// What is left of a process where a library crashes over a damaged file.
    @Suite("A crash inside a library")
    struct CrashGuardTests {
        private static let line =
            "Error: made.h5: /a: libhdf5 crashed on it with SIGSEGV: the file is damaged\n"

        @Test("ends with an error that names the file, and without temporary files")
        func inside() async throws {
            let result = await #expect(
                processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
            ) {
                CrashGuardTests.makeTemporary()
                nc_guard_install(10)
                nc_guard_enter("libhdf5")
                nc_guard_place("made.h5: /a")
                raise(SIGSEGV)
            }
            let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
            let path = try #require(text.split(separator: "\n").first)
            #expect(text == path + "\n" + Self.line)
            #expect(!FileManager.default.fileExists(atPath: String(path)))
        }

        @Test("is told where a thread's stack is full too")
        func fullStack() async throws {
            let result = await #expect(
                processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
            ) {
                nc_guard_install(10)
                let thread = Thread {
                    nc_guard_enter("libhdf5")
                    nc_guard_place("made.h5: /a")
                    _ = CrashGuardTests.depth(below: 0)
                }
                thread.start()
                pause()
            }
            let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
            #expect(text == Self.line)
        }

        @Test("is told where it comes after the library failed, with the file over which it did")
        func afterwards() async throws {
            let result = await #expect(
                processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
            ) {
                nc_guard_install(10)
                nc_guard_enter("libhdf5")
                nc_guard_place("made.h5: /a")
                nc_guard_suspect()
                nc_guard_place("another.h5: /b")
                nc_guard_leave()
                raise(SIGSEGV)
            }
            #expect(
                String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
                    == """
                    Error: made.h5: /a: libhdf5 failed on it and crashed afterwards with SIGSEGV: \
                    the file is damaged

                    """)
        }

        @Test("stays a crash where no library is at work, but leaves no temporary file")
        func outside() async throws {
            let result = await #expect(
                processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
            ) {
                CrashGuardTests.makeTemporary()
                nc_guard_install(10)
                nc_guard_enter("libhdf5")
                nc_guard_place("weights.h5: /conv1")
                nc_guard_leave()
                raise(SIGSEGV)
            }
            let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
            let path = try #require(text.split(separator: "\n").first)
            #expect(path.hasPrefix("/") && !FileManager.default.fileExists(atPath: String(path)))
        }

        @Test(
            "is ours where Swift's own checks end the process, wherever that is, and leaves no temporary file"
        )
        func check() async throws {
            let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                CrashGuardTests.makeTemporary()
                nc_guard_install(10)
                nc_guard_enter("libhdf5")
                nc_guard_place("weights.h5: /conv1")
                _ = [Int](repeating: 0, count: Int.random(in: 1...1))[1]
            }
            let found = try #require(result)
            let text = String(decoding: found.standardErrorContent, as: UTF8.self)
            let path = try #require(text.split(separator: "\n").first)
            #expect(path.hasPrefix("/") && !FileManager.default.fileExists(atPath: String(path)))
            #expect(!text.contains("libhdf5"))
            #expect([.signal(SIGILL), .signal(SIGTRAP)].contains { $0 == found.exitStatus })
        }

        #if os(Linux)
            @Test("that does not end is ended, without a timer of the process")
            func endless() async throws {
                let result = await #expect(
                    processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
                ) {
                    nc_guard_install(1)
                    var timer = itimerval()
                    for kind: Int32 in 0...2 {
                        getitimer(kind, &timer)
                        if timer.it_interval.tv_sec != 0 || timer.it_value.tv_sec != 0 { exit(3) }
                    }
                    nc_guard_enter("libhdf5")
                    nc_guard_place("made.h5: /a")
                    while true {}
                }
                #expect(
                    String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
                        == "Error: made.h5: /a: libhdf5 did not finish reading it: the file is damaged\n"
                )
            }
        #endif

        /// Makes a temporary file, and tells its path on a line of standard error.
        private static func makeTemporary() {
            let path = NSTemporaryDirectory() + "/" + UUID().uuidString
            guard nc_guard_create_temporary(path) >= 0 else { exit(2) }
            FileHandle.standardError.write(Data((path + "\n").utf8))
        }

        /// Has no end.
        @inline(never)
        private static func depth(below other: Int) -> Int {
            withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { page in
                page[0] = UInt8(truncatingIfNeeded: other)
                return depth(below: other + 1) + Int(page[0])
            }
        }
    }
#endif

import Foundation

/// The most memory, in bytes, that the process has had in use at once; nil if the system does not say.
func peakMemory() -> Int? {
    #if os(Linux)
        // Not `getrusage`, which counts what the parent had before the program was started.
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = line?.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first
        return kilobytes.map { $0 << 10 }
    #else
        var usage = rusage()
        return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : nil
    #endif
}

/// Which buffer each value of a program lives in: values that are never needed at the same time share one.
struct BufferPlan: Equatable {
    /// Index of each value's buffer.
    var buffer: [Int]
    /// Floats per image of each buffer.
    var capacities: [Int]

    /// Walks the steps once, giving each result the smallest free buffer that holds it.
    init(_ program: Program) {
        var lastUse = [Int](repeating: -1, count: program.sizes.count)
        for (index, step) in program.steps.enumerated() {
            for value in step.operands { lastUse[value] = index }
        }
        for value in program.outputs { lastUse[value] = program.steps.count }

        buffer = [Int](repeating: -1, count: program.sizes.count)
        capacities = []
        var free: [Int] = []
        for value in program.inputs { buffer[value] = take(program.sizes[value], from: &free) }
        for (index, step) in program.steps.enumerated() {
            let size = program.sizes[step.result]
            let reusable = step.overwrites ?? step.reusableOperand(size, program.sizes, lastUse, index)
            if let operand = reusable {
                buffer[step.result] = buffer[operand]
            } else {
                buffer[step.result] = take(size, from: &free)
            }
            for value in Set(step.operands).sorted()
            where lastUse[value] == index && buffer[value] != buffer[step.result] {
                free.append(buffer[value])
            }
        }
    }

    /// The smallest free buffer of at least this size, else the largest one grown, else a new one.
    private mutating func take(_ size: Int, from free: inout [Int]) -> Int {
        let fitting = free.indices.filter { capacities[free[$0]] >= size }
        let best = fitting.min { capacities[free[$0]] < capacities[free[$1]] }
        if let place = best ?? free.indices.max(by: { capacities[free[$0]] < capacities[free[$1]] }) {
            let taken = free.remove(at: place)
            capacities[taken] = max(capacities[taken], size)
            return taken
        }
        capacities.append(size)
        return capacities.count - 1
    }
}

extension Program.Step {
    /// An operand whose buffer the result may take because this is its last use.
    fileprivate func reusableOperand(_ size: Int, _ sizes: [Int], _ lastUse: [Int], _ index: Int) -> Int? {
        guard operation.worksInPlace else { return nil }
        return operands.first { lastUse[$0] == index && sizes[$0] == size }
    }
}

/// Which buffer each value of a program lives in: values that are never needed at the same time share one.
struct BufferPlan: Equatable {
    /// Index of each value's buffer.
    var buffer: [Int]
    /// Floats per image of each buffer.
    var capacities: [Int]

    /// Walks the stages once, giving each result the smallest free buffer that holds it.
    ///
    /// Steps of one stage alternate on parts of the batch: what one of them reads is free only behind the stage.
    init(_ program: Program, _ stages: [Stage]) {
        var lastUse = [Int](repeating: -1, count: program.sizes.count)
        for (index, step) in program.steps.enumerated() {
            for value in step.operands { lastUse[value] = index }
        }
        for value in program.outputs { lastUse[value] = program.steps.count }

        buffer = [Int](repeating: -1, count: program.sizes.count)
        capacities = []
        var free: [Int] = []
        for value in program.inputs { buffer[value] = take(program.sizes[value], from: &free) }
        for stage in stages {
            for index in stage.steps {
                let step = program.steps[index]
                let size = program.sizes[step.result]
                let reusable = step.overwrites ?? step.reusableOperand(size, program.sizes, lastUse, index)
                if let operand = reusable {
                    buffer[step.result] = buffer[operand]
                } else {
                    buffer[step.result] = take(size, from: &free)
                }
            }
            let touched = Set(stage.steps.flatMap { program.steps[$0].operands + [program.steps[$0].result] })
            let kept = Set(touched.filter { !stage.steps.contains(lastUse[$0]) }.map { buffer[$0] })
            for value in touched.sorted() where !kept.contains(buffer[value]) {
                if !free.contains(buffer[value]) { free.append(buffer[value]) }
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
        return maps.first { lastUse[$0] == index && sizes[$0] == size }
    }
}

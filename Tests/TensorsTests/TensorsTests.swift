import Tensors
import Testing

@Suite("Shapes, tensors and tables of parameters")
struct TensorsTests {
    @Test("A shape counts its elements; a scalar has one")
    func count() {
        let shape: Shape = [3, 3, 16, 32]
        #expect(shape.count == 4608)
        #expect(shape.rank == 4)
        #expect(shape[0] == 3)
        #expect(shape[-1] == 32)
        #expect("\(shape)" == "3×3×16×32")
        let scalar: Shape = []
        #expect(scalar.count == 1)
        #expect("\(scalar)" == "scalar")
    }

    @Test("Negative extents and products beyond Int are refused")
    func checking() {
        #expect(Shape(checking: [2, 0, 3])?.count == 0)
        #expect(Shape(checking: [2, -1]) == nil)
        #expect(Shape(checking: [.max, 2]) == nil)
    }

    @Test("A reshaped tensor keeps its values")
    func reshaped() {
        let tensor = Tensor([1, 2, 3, 4]).reshaped([2, 2])
        #expect(tensor == Tensor(shape: [2, 2], values: [1, 2, 3, 4]))
        #expect(tensor != Tensor([1, 2, 3, 4]))
        #expect(Tensor(shape: [2], repeating: 7).values == [7, 7])
    }

    @Test("Element types have their sizes in bytes")
    func elementSizes() {
        #expect(ElementType.int8.size == 1)
        #expect(ElementType.bfloat16.size == 2)
        #expect(ElementType.float32.size == 4)
        #expect(ElementType.float64.size == 8)
    }

    @Test("A table keeps file order, finds by name and reads when asked")
    func table() throws {
        struct Unreadable: Error, Equatable {}
        let table = ParameterTable([
            Parameter(name: "b", shape: [2], elementType: .float16) { Tensor([1, 2]) },
            Parameter(name: "a", shape: [1], elementType: .int64) { throw Unreadable() },
        ])
        #expect(table.names == ["b", "a"])
        #expect(table.map(\.shape) == [[2], [1]])
        #expect(table["c"] == nil)
        #expect(try table["b"]?.read() == Tensor([1, 2]))
        #expect(throws: Unreadable()) { try table["a"]?.read() }
    }

    @Test("Edits keep the order in which they were made; a later one replaces")
    func edits() {
        var edits = ParameterEdits()
        edits.set("b", .remove)
        edits.set("a", .insert(Tensor([1]), .before, neighbour: "b"))
        edits.set("b", .replace { $0 })
        #expect(edits.names == ["b", "a"])
        guard case .replace = edits["b"] else {
            Issue.record("the first edit of 'b' stays")
            return
        }
        #expect(edits["c"] == nil)
    }
}

import Testing
import Vocabulary

@testable import Gateway

@Suite("The description of the endpoints")
struct APIDescriptionTests {
    private let root: JSONValue

    init() throws {
        root = try JSONDocument(parsing: APIDescription.document(console: true, workspaces: true)).root
    }

    @Test("it is JSON, and every reference leads somewhere")
    func references() throws {
        var count = 0
        func look(at value: JSONValue) {
            if let reference = value.optional("$ref")?.text?.string {
                count += 1
                let names = reference.split(separator: "/").dropFirst().map(String.init)
                let found = names.reduce(root as JSONValue?) { place, name in
                    place?.members.first { $0.key.string == name }?.value
                }
                #expect(found != nil, "\(reference)")
            }
            if value.kind == .object { for member in value.members { look(at: member.value) } }
            if value.kind == .array { for element in value.elements { look(at: element) } }
        }
        look(at: root)
        #expect(count > 50)
    }

    @Test("what GET / lists is described")
    func completeness() {
        let described = Set(APIOperation.all.map(\.path))
        let otherNames: Set = ["/v1/chat/models", "/v1/api/sessions", "/v1/sessions"]
        #expect(Set(Endpoints.listed).subtracting(otherNames).isSubset(of: described))
    }

    @Test("what a path names has an example, or is told by the answer of an operation")
    func namesOfPaths() throws {
        for sample in try SampleRequest.groups().flatMap(\.samples) {
            #expect(sample.parameters.count == sample.operation.parameters.count, "\(sample.operation.id)")
            for parameter in sample.parameters where parameter.place == .path {
                let isFilled = !parameter.example.isEmpty || SampleRequest.variables.contains(parameter.name)
                #expect(isFilled, "\(sample.operation.id): \(parameter.name) needs an example, or an operation that yields it")
            }
        }
    }

    @Test("no two operations have one id, or one method of one path")
    func identity() {
        #expect(Set(APIOperation.all.map(\.id)).count == APIOperation.all.count)
        #expect(Set(APIOperation.all.map { "\($0.method) \($0.path)" }).count == APIOperation.all.count)
    }
}

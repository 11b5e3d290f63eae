import Vocabulary

/// An export in Insomnia's format 5.1.
///
/// Insomnia knows such a file by how its first line begins, so the outermost members are lines of YAML, and JSON behind.
enum InsomniaCollection {
    static func document(_ groups: [SampleRequest.Group], address: String) -> String {
        var text = "type: collection.insomnia.rest/5.0\nschema_version: \"5.1\"\nname: Portcullis\n"
        text += line("meta") { json in json.object { $0.member("id", literal: "wrk_portcullis") } }
        text += line("collection") { json in
            json.beginArray()
            for (offset, group) in groups.enumerated() { json.object { write(group, offset, to: &$0) } }
            json.endArray()
        }
        text += line("environments") { json in json.object { writeEnvironment(address, to: &$0) } }
        return text
    }

    private static func line(_ name: String, _ write: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        write(&json)
        return "\(name): \(String(decoding: json.bytes, as: UTF8.self))\n"
    }

    private static func writeEnvironment(_ address: String, to json: inout JSONWriter) {
        json.member("name", literal: "Base Environment")
        meta("env_portcullis", to: &json)
        json.key("data")
        json.object { json in
            json.member("base_url", address)
            json.member("key", literal: "")
            for variable in SampleRequest.variables {
                json.key(JSONText(variable))
                json.string(literal: "")
            }
        }
    }

    private static func write(_ group: SampleRequest.Group, _ offset: Int, to json: inout JSONWriter) {
        json.member("name", group.name)
        meta("fld_\(group.name.lowercased())", offset, to: &json)
        json.objects("children", Array(group.samples.enumerated())) { sample, json in
            json.member("name", sample.element.operation.summary)
            meta("req_\(sample.element.operation.id)", sample.offset, to: &json)
            write(sample.element, to: &json)
        }
    }

    private static func meta(_ id: String, _ offset: Int? = nil, to json: inout JSONWriter) {
        json.key("meta")
        json.object { json in
            json.member("id", id)
            if let offset { json.member("sortKey", offset) }
        }
    }

    private static func write(_ sample: SampleRequest, to json: inout JSONWriter) {
        let operation = sample.operation
        json.member("url", "{{ _.base_url }}\(sample.path)")
        json.member("method", operation.method.rawValue.uppercased())
        json.objects("parameters", sample.parameters.filter { $0.place == .query }) { $1.parameter($0, variable: "") }
        json.objects("pathParameters", sample.parameters.filter { $0.place == .path }) { parameter, json in
            json.member("name", parameter.name)
            json.member("value", parameter.example.isEmpty ? "{{ _.\(parameter.name) }}" : parameter.example)
        }
        json.key("headers")
        json.beginArray()
        if operation.example != nil {
            json.object { json in
                json.member("name", literal: "content-type")
                json.member("value", literal: "application/json")
            }
        }
        for field in sample.parameters where field.place == .header { json.object { $0.parameter(field, variable: "") } }
        json.endArray()
        if let example = operation.example {
            json.key("body")
            json.object { json in
                json.member("mimeType", literal: "application/json")
                json.member("text", example)
            }
        }
        if operation.needsKey { json.bearer("authentication", token: "{{ _.key }}") }
        guard let variable = operation.yields else { return }
        let code = "if (insomnia.response.code === 200) "
            + "insomnia.baseEnvironment.set(\"\(variable)\", insomnia.response.json().id);"
        json.key("scripts")
        json.object { $0.member("afterResponse", code) }
    }
}

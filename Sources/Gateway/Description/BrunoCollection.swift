import Vocabulary

/// A bundled collection in the OpenCollection format, which Bruno imports from its version 3 on.
enum BrunoCollection {
    static func document(_ groups: [SampleRequest.Group], address: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("opencollection", literal: "1.0.0")
            json.key("info")
            json.object { json in
                json.member("name", literal: "Portcullis")
                json.member("version", Release.version)
            }
            json.member("bundled", true)
            json.key("config")
            json.object { writeEnvironment(address, to: &$0) }
            json.objects("items", Array(groups.enumerated())) { group, json in
                info(group.element.name, "folder", group.offset, to: &json)
                json.objects("items", Array(group.element.samples.enumerated())) { sample, json in
                    info(sample.element.operation.summary, "http", sample.offset, to: &json)
                    write(sample.element, to: &json)
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private static func writeEnvironment(_ address: String, to json: inout JSONWriter) {
        json.objects("environments", ["Portcullis"]) { name, json in
            json.member("name", name)
            let variables = [("base_url", address), ("key", nil)] + SampleRequest.variables.map { ($0, "") }
            json.objects("variables", variables) { variable, json in
                json.member("name", variable.0)
                // A secret has no value in a file; Bruno asks for it and keeps it elsewhere.
                if let value = variable.1 { json.member("value", value) } else { json.member("secret", true) }
            }
        }
    }

    private static func info(_ name: String, _ type: String, _ offset: Int, to json: inout JSONWriter) {
        json.key("info")
        json.object { json in
            json.member("name", name)
            json.member("type", type)
            json.member("seq", offset + 1)
        }
    }

    private static func write(_ sample: SampleRequest, to json: inout JSONWriter) {
        let operation = sample.operation
        json.key("http")
        json.object { json in
            json.member("method", operation.method.rawValue.uppercased())
            json.member("url", "{{base_url}}\(sample.path)")
            json.objects("params", sample.parameters.filter { $0.place != .header }) { parameter, json in
                json.parameter(parameter, variable: "{{\(parameter.name)}}")
                json.member("type", parameter.place.rawValue)
            }
            json.objects("headers", sample.parameters.filter { $0.place == .header }) { $1.parameter($0, variable: "") }
            if let example = operation.example {
                json.key("body")
                json.object { json in
                    json.member("type", literal: "json")
                    json.member("data", example)
                }
            }
            if operation.needsKey { json.bearer("auth", token: "{{key}}") }
        }
        guard let variable = operation.yields else { return }
        json.key("runtime")
        json.object { json in
            json.objects("scripts", ["if (res.status === 200) bru.setVar(\"\(variable)\", res.body.id);"]) { code, json in
                json.member("type", literal: "after-response")
                json.member("code", code)
            }
        }
    }
}

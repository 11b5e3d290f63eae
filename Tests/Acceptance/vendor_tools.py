"""Rules about tools, and about the schemas that the vendor makes a grammar of: strict tools and the answer's format."""
import re

from vendor_request import Refusal

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
MOST_STRICT, MOST_OPTIONAL, MOST_UNIONS = 20, 24, 16
FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
UNSUPPORTED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains", "minContains", "maxContains", "prefixItems"),
    "object": ("patternProperties", "minProperties", "maxProperties", "propertyNames"),
}
COMBINERS = ("oneOf", "not", "if", "then", "else", "dependentSchemas")
# Look-around, word boundaries and references back to a group.
HARD_PATTERN = re.compile(r"\(\?(?:[=!]|<[=!])|\\[bB]|\\[1-9]")
DRAFT = "JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12)."


def tools(request):
    names = [each.get("name") for each in request.tools]
    if len(set(names)) < len(names):
        yield Refusal("tools.unique", "tools: Tool names must be unique.")
    for number, tool in enumerate(request.tools):
        if tool.get("type", "custom") == "custom":
            yield from custom_tool(tool, f"tools.{number}.custom")
        elif str(tool["type"]).startswith("computer_2025") and request.model.bound and "5-1" not in request.model.name:
            yield Refusal("tools.type", f"'{request.body['model']}' does not support tool types: {tool['type']}.")
        elif not re.fullmatch(r"[a-z_]+_20\d{6}|mcp_toolset", str(tool["type"])):
            yield Refusal("tools.type", f"tools.{number}: Input tag '{tool['type']}' found using 'type' does not match")


def custom_tool(tool, path):
    if not NAME.fullmatch(str(tool.get("name") or "")):
        yield Refusal("tools.name", f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    schema = tool.get("input_schema")
    path += ".input_schema"
    if not isinstance(schema, dict):
        yield Refusal("tools.schema", f"{path}: Field required")
        return
    if schema.get("type") != "object":
        yield Refusal("tools.schema.object", f"{path}.type: Input should be 'object'")
    if {"anyOf", "oneOf", "allOf"} & set(schema):
        yield Refusal("tools.schema.top", f"{path} does not support oneOf, allOf, or anyOf at the top level")
    properties = schema.get("properties")
    for key in properties if isinstance(properties, dict) else ():
        if not KEY.fullmatch(key):
            yield Refusal(
                "tools.schema.keys",
                f"{path}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'")
    if not is_schema(schema):
        yield Refusal("tools.schema.draft", f"{path}: {DRAFT}")


def is_schema(schema):
    """Whether the keywords that clients get wrong have values of the right kind."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict):
        return False
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    required = schema.get("required", [])
    return (
        all(each in TYPES for each in kinds)
        and isinstance(required, list) and all(isinstance(each, str) for each in required)
        and all(isinstance(schema.get(name, []), list) for name in ("enum", "anyOf", "oneOf", "allOf", "prefixItems"))
        and all(isinstance(schema.get(name, {}), dict) for name in MAPS)
        and isinstance(schema.get("items", {}), (dict, bool))
        and all(is_schema(each) for each in parts(schema))
    )


MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def parts(schema):
    """The schemas directly within a schema."""
    found = []
    for name in MAPS:
        found += schema.get(name, {}).values()
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        found += schema.get(name, [])
    for name in ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"):
        if name in schema:
            found.append(schema[name])
    return found


# Grammars


def grammars(request):
    """The schemas that bind the answer, and how much they may hold together."""
    strict = [each for each in request.tools if each.get("strict") is True]
    if len(strict) > MOST_STRICT:
        yield Refusal("strict.count", f"tools: at most {MOST_STRICT} tools may be strict, found {len(strict)}")
    found = [(f"tools.{each.get('name')}.input_schema", each.get("input_schema")) for each in strict]
    if request.format is not None:
        form = request.format if isinstance(request.format, dict) else {}
        if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
            yield Refusal("format.type", "output_config.format.schema: Field required")
        found.append(("output_config.format.schema", form.get("schema")))
        if any((block.get("citations") or {}).get("enabled") for _, _, _, block in request.blocks
               if isinstance(block.get("citations"), dict)):
            yield Refusal("format.citations", "output_config.format: cannot be used while citations are enabled")
    optional, unions = 0, 0
    for path, schema in found:
        if not is_schema(schema):
            yield Refusal("tools.schema.draft", f"{path}: {DRAFT}")
            continue
        for part in everything(schema):
            optional += len(set(part.get("properties", {})) - set(part.get("required", [])))
            unions += "anyOf" in part or isinstance(part.get("type"), list)
            yield from unsupported(path, part, schema)
        if is_recursive(schema):
            yield Refusal("schema.recursive", f"{path}: recursive schemas are not supported")
    if optional > MOST_OPTIONAL:
        yield Refusal("schema.optional", f"Schemas hold {optional} optional parameters, at most {MOST_OPTIONAL} may be")
    if unions > MOST_UNIONS:
        yield Refusal("schema.unions", f"Schemas hold {unions} union types, at most {MOST_UNIONS} may be")


def everything(schema):
    found = [schema] if isinstance(schema, dict) else []
    for part in parts(schema) if found else []:
        found += everything(part)
    return found


def unsupported(path, part, root):
    """What one part of a schema holds that the vendor can make no grammar of."""
    kinds = part.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if ("object" in kinds or "properties" in part) and part.get("additionalProperties") is not False:
        yield Refusal(
            "schema.additionalProperties",
            f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    for kind, keywords in UNSUPPORTED.items():
        present = [each for each in keywords if each in part]
        if kind in kinds and present:
            yield Refusal(
                "schema.keyword",
                f"{path}: For '{kind}' type, properties {', '.join(sorted(present))} are not supported")
    if part.get("minItems", 0) not in (0, 1):
        yield Refusal(
            "schema.minItems", f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    for name in COMBINERS:
        if name in part:
            yield Refusal("schema.combiner", f"{path}: Schema type '{name}' is not supported")
    if any(isinstance(each, (dict, list)) for each in part.get("enum", [])):
        yield Refusal("schema.enum", f"{path}: enum values of complex types are not supported")
    if "format" in part and part["format"] not in FORMATS:
        yield Refusal("schema.format", f"{path}: For 'string' type, '{part['format']}' format is not supported")
    if isinstance(part.get("pattern"), str) and HARD_PATTERN.search(part["pattern"]):
        yield Refusal("schema.pattern", f"{path}: pattern '{part['pattern']}' is not supported")
    if "$ref" in part and resolved(part["$ref"], root) is None:
        yield Refusal("schema.ref", f"{path}: $ref '{part['$ref']}' cannot be resolved")


def resolved(reference, root):
    """What a reference within the schema stands for, None if it leads nowhere or out of it."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found = root
    for step in reference[1:].strip("/").split("/") if reference != "#" else []:
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def is_recursive(schema, root=None, within=()):
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return False
    if "$ref" in schema:
        reference = schema["$ref"]
        return reference in within or is_recursive(resolved(reference, root), root, (*within, reference))
    return any(is_recursive(each, root, within) for each in parts(schema))


def made_from(schema, root=None, depth=0):
    """A value that the schema allows, as a model bound to it would write."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > 8:
        return None
    if "$ref" in schema:
        return made_from(resolved(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return made_from(schema[name][0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        asked = {name: part for name, part in schema.get("properties", {}).items()
                 if depth < 4 or name in schema.get("required", [])}
        return {name: made_from(part, root, depth + 1) for name, part in asked.items()}
    if kind == "array":
        return [made_from(schema.get("items", {"type": "string"}), root, depth + 1)]
    known = {"date": "2026-11-28", "date-time": "2026-11-28T12:00:00Z", "email": "a@example.com",
             "uri": "https://example.com/", "uuid": "00000000-0000-4000-8000-000000000000"}
    return {
        "string": known.get(schema.get("format"), "text"), "integer": int(schema.get("minimum", 1)),
        "number": schema.get("minimum", 1.5), "boolean": True, "null": None,
    }[kind]

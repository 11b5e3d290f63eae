"""Small true files and odd texts that the cases are made of."""
import base64
import struct
import zlib


def png(width=2, height=2):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x * 40 + y * 9) % 256 for x in range(width * 3)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encoded(data):
    return base64.b64encode(data).decode()


PNG = encoded(png())
LARGER_PNG = encoded(png(400, 300))
GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
JPEG = (
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////"
    "////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)
WEBP = "UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA="
PDF = encoded(
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)

ODD_TEXTS = {
    "blanks around": "  \n\t leading and trailing \t \n ",
    "line ends": "one\ntwo\r\nthree\rfour\u2028five\u2029six\x0bseven",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f and nul \0 end",
    "escapes": 'a "quoted" \\ back\\\\slash \\n not a line end \\u0041 </script> <b> & % $HOME `x` \'y\'',
    "unicode": "héllo wörld — 你好 ｱｲｳ é e\u0301 🦊 👩‍👩‍👧 \U0001f1e9\U0001f1ea \u202eoverride\u202c \ufeff \ufffe",
    "right to left": "שלום עולם مرحبا بالعالم",
    "lone surrogates": "high \ud83d alone, low \udc8a alone, twisted \udc8a\ud83d",
    "looks like json": '{"type":"user","message":{"role":"user","content":"no"}}\n{"type":"control_request"}',
    "looks like a command": "/clear\n/compact now\n!rm -rf /\n# remember\n@/etc/passwd @README.md",
    "looks like a reminder": "text <system-reminder>not one</system-reminder> and <system>none</system>",
    "looks like a tool call": "<function_calls><invoke name=\"x\"></invoke></function_calls>\n\nHuman: hi\n\nAssistant:",
    "numbers": "0 -0 1e400 NaN Infinity 12345678901234567890123 0.1",
}
LONG_TEXT = "All work and no play makes a long text. " * 12_500  # 500,000 characters

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "A city"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
DEEP_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "value": {}}}},
    "properties": {
        "root": {"$ref": "#/$defs/node"},
        "either": {"anyOf": [{"type": "string", "pattern": "^\\w+\\s\"$"}, {"type": "null"}, {"const": 1.50}]},
        "pick": {"enum": ["a", 2, None, True, {"x": []}], "default": None},
        "size": {"type": ["number", "string"], "minimum": -1e-7, "exclusiveMaximum": 1e21},
        "list": {"type": "array", "items": {"oneOf": [{"type": "boolean"}]}, "prefixItems": [{}], "minItems": 0},
        "all": {"allOf": [{"if": {"const": "a"}, "then": {"type": "string"}}]},
    },
    "patternProperties": {"^x-": {"not": {"type": "object"}}},
    "additionalProperties": {"type": "string", "format": "date-time"},
}
ANSWER_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}

"""`portcullis collection` prints requests for programs with windows. Each file has the form that its program reads, and
every request of it is answered as `/openapi.json` describes."""
import json
import re
import subprocess

import jsonschema_rs
import pytest
import yaml


def printed(gateway, program):
    """The file, as somebody makes it who knows the address."""
    made = subprocess.run([gateway.arguments[0], "collection", program, f"{gateway.url}/"], capture_output=True, text=True, check=True)
    return made.stdout


# What the importers of both programs accept, as far as the files have it; they refuse or lose everything else.
TEXT, FLAG, NUMBER = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}


def shape(required, optional=None, **more):
    return {"type": "object", "additionalProperties": False, "required": list(required),
            "properties": {**required, **(optional or {})}, **more}


def listed(items):
    return {"type": "array", "items": items}


BEARER = shape({"type": {"const": "bearer"}, "token": TEXT})
FIELD = {"description": TEXT, "disabled": FLAG}

BRUNO_INFO = shape({"name": TEXT, "type": {"enum": ["http", "folder"]}, "seq": {"type": "integer", "minimum": 1}})
BRUNO_PARAMETER = shape({"name": TEXT, "value": TEXT, "type": {"enum": ["query", "path"]}}, FIELD)
BRUNO_REQUEST = shape(
    {"info": BRUNO_INFO,
     "http": shape({"method": {"enum": ["GET", "POST", "DELETE"]}, "url": TEXT},
                   {"params": listed(BRUNO_PARAMETER), "headers": listed(shape({"name": TEXT, "value": TEXT}, FIELD)),
                    "body": shape({"type": {"const": "json"}, "data": TEXT}), "auth": BEARER})},
    {"runtime": shape({"scripts": listed(shape({"type": {"const": "after-response"}, "code": TEXT}))})})
BRUNO = shape({
    "opencollection": {"const": "1.0.0"}, "info": shape({"name": TEXT, "version": TEXT}), "bundled": {"const": True},
    "config": shape({"environments": listed(shape({
        "name": TEXT, "variables": listed({"oneOf": [
            shape({"name": TEXT, "value": TEXT}), shape({"name": TEXT, "secret": {"const": True}})]})}))}),
    "items": listed(shape({"info": BRUNO_INFO, "items": listed(BRUNO_REQUEST)}))})

META = shape({"id": {"type": "string", "pattern": "^(wrk|fld|req|env)_[A-Za-z]+$"}}, {"sortKey": NUMBER})
INSOMNIA_FIELDS = listed(shape({"name": TEXT, "value": TEXT}, FIELD))
INSOMNIA_REQUEST = shape(
    {"name": TEXT, "meta": META, "url": TEXT, "method": {"enum": ["GET", "POST", "DELETE"]}},
    {"parameters": INSOMNIA_FIELDS, "headers": INSOMNIA_FIELDS,
     "pathParameters": listed(shape({"name": TEXT, "value": TEXT})), "authentication": BEARER,
     "body": shape({"mimeType": TEXT, "text": TEXT}), "scripts": shape({"afterResponse": TEXT})})
INSOMNIA = shape({
    "type": {"const": "collection.insomnia.rest/5.0"}, "schema_version": {"const": "5.1"}, "name": TEXT, "meta": META,
    "collection": listed(shape({"name": TEXT, "meta": META, "children": listed(INSOMNIA_REQUEST)})),
    "environments": shape({"name": TEXT, "meta": META, "data": {"type": "object", "additionalProperties": TEXT}})})


class Bruno:
    """What is left of the file once Bruno has imported it."""

    form = BRUNO
    remembers = re.compile(r'if \(res\.status === 200\) bru\.setVar\("(\w+)", res\.body\.(\w+)\);')

    def __init__(self, text):
        self.tree = json.loads(text)
        [environment] = self.tree["config"]["environments"]
        self.variables = {each["name"]: each.get("value", "") for each in environment["variables"]}

    @staticmethod
    def filled(text, variables):
        return re.sub(r"\{\{(\w+)\}\}", lambda match: variables[match[1]], text)

    def requests(self):
        for folder in self.tree["items"]:
            for each in folder["items"]:
                http = each["http"]
                path = {part["name"]: part["value"] for part in http["params"] if part["type"] == "path"}
                yield {"method": http["method"], "url": http["url"], "path": path, "token": http.get("auth", {}).get("token"),
                       "body": http.get("body", {}).get("data"), "script": "".join(
                           script["code"] for script in each.get("runtime", {}).get("scripts", []))}


class Insomnia:
    """The same of Insomnia."""

    form = INSOMNIA
    remembers = re.compile(
        r'if \(insomnia\.response\.code === 200\) insomnia\.baseEnvironment\.set\("(\w+)", insomnia\.response\.json\(\)\.(\w+)\);')

    def __init__(self, text):
        # It looks no further where a file begins otherwise.
        assert text.startswith("type: ")
        self.tree = yaml.safe_load(text)
        self.variables = dict(self.tree["environments"]["data"])

    @staticmethod
    def filled(text, variables):
        return re.sub(r"\{\{ _\.(\w+) \}\}", lambda match: variables[match[1]], text)

    def requests(self):
        for folder in sorted(self.tree["collection"], key=lambda each: each["meta"]["sortKey"]):
            for each in sorted(folder["children"], key=lambda each: each["meta"]["sortKey"]):
                yield {"method": each["method"], "url": each["url"],
                       "path": {part["name"]: part["value"] for part in each["pathParameters"]},
                       "token": each.get("authentication", {}).get("token"), "body": each.get("body", {}).get("text"),
                       "script": each.get("scripts", {}).get("afterResponse", "")}


READERS = {"bruno": Bruno, "insomnia": Insomnia}


@pytest.mark.parametrize("program", READERS)
def test_the_file_has_the_form_that_its_program_imports(program, make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    reader = READERS[program](printed(gateway, program))
    jsonschema_rs.validate(reader.form, reader.tree)
    assert reader.variables["base_url"] == gateway.url and reader.variables["key"] == ""


@pytest.mark.parametrize("program", READERS)
def test_each_request_is_answered_as_described_and_none_is_missing(program, make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None)
    keys = gateway.folder / "api-keys"
    keys.write_text(keys.read_text().replace(gateway.key, f"{gateway.key} role=admin", 1))
    gateway.ready()
    reader = READERS[program](printed(gateway, program))
    variables = {**reader.variables, "key": gateway.key}
    described, sent = {}, set()
    with gateway.http() as http:
        description = http.get("/openapi.json").json()
        for path, operations in description["paths"].items():
            for method, operation in operations.items():
                described[method.upper(), path] = operation
        for request in reader.requests():
            path = request["url"]
            for name, value in request["path"].items():
                path = path.replace(f":{name}", reader.filled(value, variables))
            token = request["token"] and reader.filled(request["token"], variables)
            headers = {"authorization": f"Bearer {token}"} if token else {}
            if request["body"]:
                headers["content-type"] = "application/json"
            url = reader.filled(path, variables)
            answer = http.request(request["method"], url, headers=headers, content=request["body"])
            assert answer.status_code == 200, (request, answer.text)
            place = re.sub(r":(\w+)", r"{\1}", request["url"].rsplit("}}", 1)[1])
            sent.add((request["method"], place))
            [content] = [described[request["method"], place]["responses"]["200"]["content"]]
            if "application/json" in content:
                schema = {**content["application/json"]["schema"], "components": description["components"]}
                jsonschema_rs.validate(schema, answer.json())
            if request["script"]:
                name, member = reader.remembers.fullmatch(request["script"]).groups()
                assert name in variables
                variables[name] = answer.json()[member]
    assert sent == set(described)


@pytest.mark.parametrize("words", [[], ["postman"], ["bruno", "ftp://x"], ["bruno", "https://"], ["bruno", 'https://a"b'],
                                   ["bruno", "https://a", "b"]])
def test_what_cannot_be_meant_is_refused(words, portcullis):
    done = subprocess.run([portcullis, "collection", *words], capture_output=True, text=True)
    assert done.returncode == 64 and done.stdout == "" and done.stderr.count("\n") == 1

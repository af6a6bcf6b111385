"""Holds every answer of the API against its description."""
import json
import pathlib
import re
import subprocess

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Description:
    def __init__(self):
        parts = [ROOT / "docs" / "openapi" / "base.json"]
        parts += sorted(p for p in (ROOT / "docs" / "openapi").glob("*.json") if p.name != "base.json")
        self.document = json.loads(subprocess.run([ROOT / "tools" / "merge-openapi", *parts], check=True,
                                                  stdout=subprocess.PIPE).stdout)
        self.routes = []
        for path, item in self.document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+?", re.escape(path))
            self.routes.append((re.compile(pattern + r"\Z"), path, item))
        # The route with the most text is the nearest: "/x/{id}:cancel" before "/x/{id}".
        self.routes.sort(key=lambda r: -len(re.sub(r"\{\w+\}", "", r[1])))
        self.seen = set()

    def find(self, method, path):
        for pattern, name, item in self.routes:
            if pattern.match(path) and method.lower() in item:
                return name, item[method.lower()]
        raise AssertionError(f"{method} {path} is not described in docs/openapi/")

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            at = self.document
            for word in node["$ref"].lstrip("#/").split("/"):
                at = at[word.replace("~1", "/").replace("~0", "~")]
            node = at
        return node

    def check(self, method, path, status, content_type, body):
        """`body` is bytes. AssertionError when the answer is none that is described."""
        path = path.partition("?")[0]
        if status in (405, 404) and not any(p.match(path) for p, _, _ in self.routes):
            return
        if status == 405:
            return
        name, operation = self.find(method, path)
        answers = operation["responses"]
        answer = answers.get(str(status)) or answers.get(f"{status // 100}XX") or answers.get("default")
        assert answer, f"{method} {name}: {status} is not described; it was {body[:500]!r}"
        self.seen.add((method, name, status))
        content = self.resolve(answer).get("content")
        if not content:
            assert not body, f"{method} {name}: {status} has a body: {body[:500]!r}"
            return
        kind = (content_type or "").partition(";")[0].strip()
        assert kind in content, f"{method} {name}: {status} is {content_type}, not {list(content)}"
        schema = content[kind].get("schema")
        if schema is not None and kind.endswith("json"):
            resolver = jsonschema.RefResolver("", self.document)
            validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
            errors = sorted(validator.iter_errors(json.loads(body)), key=lambda e: list(e.path))
            assert not errors, f"{method} {name} {status}: {errors[0].message} at {list(errors[0].path)} in {body[:2000]!r}"

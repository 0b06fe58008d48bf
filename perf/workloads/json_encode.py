"""A writer of JSON-like text for nested lists, dicts and plain values."""

ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def quote(text):
    return '"' + "".join([ESCAPES.get(c, c) for c in text]) + '"'


def encode(value):
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{quote(k)}:{encode(v)}" for k, v in value.items()]) + "}"
    return "[" + ",".join([encode(item) for item in value]) + "]"


def document(i):
    return {"id": i, "name": f"user \"{i}\"\n", "tags": ["a", "b\t", None, i % 2 == 0],
            "pos": {"x": i / 8, "y": -i, "path": [[i, i + 1], [i * 2.5, []]]}}


def run(n):
    size = 0
    for i in range(n):
        size += len(encode(document(i)))
    return size, encode(document(n))

"""Strings put together from pieces: concatenation, formatting, joining."""


def label(i, value):
    return f"item-{i:04d}:{value!r};"


def run(n):
    parts = []
    text = ""
    for i in range(n):
        text += chr(97 + i % 26)
        if len(text) > 40:
            parts.append(text.upper())
            text = ""
        parts.append(label(i % 1000, i * 3 % 7))
    joined = "".join(parts)
    return len(joined), joined[:50], joined.count("Z"), text

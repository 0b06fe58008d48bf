"""Reads what tierjit.disassemble(f, tier=2) prints."""

import re
from dataclasses import dataclass, field

BLOCK = re.compile(r"(b\d+)\b.*:(?:  ; (.*))?$")
NODE = re.compile(r"  (?:v\d+ = )?([a-z_0-9]+)")
HEADER = re.compile(r"header of a loop at depth (\d+)(?: in (b\d+))?")
INSIDE = re.compile(r"in loop (b\d+)")
LINE = re.compile(r"line (\d+)")


@dataclass
class Loop:
    """A loop of a graph, without the loops inside of it."""

    header: str
    depth: int
    parent: str | None
    line: int | None                       # of the source
    operations: list[str] = field(default_factory=list)
    innermost: bool = True


def graphs(text):
    """The text of each graph in the answer for one function."""
    return [part.partition("\n")[2] for part in re.split(r"^=== ", text, flags=re.M) if part]


def loops(graph):
    """The loops of a graph by header."""
    found, current = {}, None
    for line in graph.splitlines():
        block = BLOCK.match(line)
        if block:
            current = _loop_of(block, found)
        elif current is not None and (node := NODE.match(line)):
            current.append(node[1])
    for loop in found.values():
        if loop.parent in found:
            found[loop.parent].innermost = False
    return found


def _loop_of(block, found):
    """Where the operations of a block are collected; None outside of loops."""
    name, comment = block[1], block[2] or ""
    if header := HEADER.search(comment):
        line = LINE.search(comment)
        found[name] = Loop(name, int(header[1]), header[2], line and int(line[1]),
                           found[name].operations if name in found else [])
        return found[name].operations
    if inside := INSIDE.search(comment):
        # A loop's blocks may be printed before its header.
        return found.setdefault(inside[1], Loop(inside[1], 0, None, None)).operations
    return None

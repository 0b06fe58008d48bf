"""pdb after an uncaught exception: the frames that it looks into were running compiled, and the exception goes through generators."""

import pytest

from ways import run, same_everywhere

PROGRAM = '''\
import asyncio
import pdb
import sys


class Account:
    def __init__(self, total):
        self.total = total

    def take(self, amount):
        left = self.total - amount
        if left < 0:
            raise ValueError(f"{amount} of {self.total}")
        self.total = left
        return left


def loop(n):
    account, spent = Account(20), []
    for i in range(n):
        half = i / 2
        spent.append(account.take(i))
    return spent


def counted(n):
    seen = 0
    for i in range(n):
        seen += i
        yield 60 // (n - i - 3)


def delegating(n):
    before = "outer"
    result = yield from counted(n)
    return before, result


def consumes(n):
    total = 0
    for value in delegating(n):
        total += value
    return total


def by_expression(n):
    factor = 3
    return sum(x * factor for x in delegating(n))


def by_comprehension(n):
    return [[60 // (n - i - 3) for j in range(2)] for i in range(n)]


async def step(i):
    await asyncio.sleep(0)
    return 60 // (i - 5)


async def ticks(n):
    for i in range(n):
        yield await step(i)


async def coroutine(n):
    total = 0.5
    async for value in ticks(n):
        total += value
    return total


def recursion(level, table):
    local = level * 1.5
    if level == 0:
        return table[local]
    return recursion(level - 1, table) + 1


def chained(n):
    done = 0
    for i in range(n):
        try:
            60 // (n - i - 3)
            done += 1
        except ZeroDivisionError as error:
            again = list(range(i))
            raise KeyError(done) from error


FAILING = {
    "loop": lambda: loop(9),
    "generator": lambda: consumes(9),
    "expression": lambda: by_expression(9),
    "comprehension": lambda: by_comprehension(9),
    "coroutine": lambda: asyncio.run(coroutine(9)),
    "recursion": lambda: recursion(6, {}),
    "chained": lambda: chained(9),
}


def warm():
    for _ in range(5):
        loop(5), consumes(2), by_expression(2), by_comprehension(2), asyncio.run(coroutine(3)), recursion(3, {0.0: 1}), chained(2)


def inside():
    """Looks at what has failed in frames that go on afterwards."""
    turns = 0
    for kind, fails in FAILING.items():
        try:
            fails()
        except Exception as error:
            turns += 1
            if turns == 3:
                sys.last_exc = error
                pdb.pm()
            else:
                pdb.post_mortem(error if turns % 2 else error.__traceback__)
    print("goes on", turns, kind)


if __name__ == "__main__":
    warm()
    if sys.argv[1:]:
        FAILING[sys.argv[1]]()
    else:
        inside()
'''

LOOKS = ["w", "ll", "pp locals()", "up", "p sorted(locals())", "a",
         "interact", "print(sorted(locals()), __name__)", "mine = [i for i in range(3)]; mine", "exit()",
         "down", "up", "up", "pp {k: v for k, v in locals().items() if not k.startswith('__')}",
         "!added = 5", "p 'added' in locals()", "d", "u 2", "l"]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("post_mortem") / "program.py"
    path.write_text(PROGRAM)
    return path


def printed_by(program, way, script, *arguments):
    return run(program, way, *arguments, stdin="\n".join(script) + "\n")


@pytest.mark.parametrize("name", ["expression", "coroutine", "chained"])
def test_of_the_whole_program(program, name):
    exceptions = ["exceptions", "exceptions 0", "w", "pp locals()", "exceptions 1"] if name == "chained" else []
    script = [*LOOKS, *exceptions, "q", "q"]
    arguments = ["-m", "pdb", "-c", "continue", str(program), name]
    _, printed, told = same_everywhere(lambda way: printed_by(program, way, script, *arguments))
    assert "Entering post mortem debugging" in printed and "[0, 1, 2]" in printed and "ZeroDivisionError" in told, printed


def test_from_the_program(program):
    """post_mortem() of tracebacks and of exceptions, and pm(). The frame that has caught the exception goes on compiled."""
    code, printed, _ = same_everywhere(lambda way: printed_by(program, way, [*LOOKS, "q"] * 7, str(program)))
    assert code == 0 and printed.endswith("goes on 7 chained\n") and printed.count("[0, 1, 2]") == 7, printed

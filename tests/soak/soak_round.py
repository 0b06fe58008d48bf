"""One round of `tools/dev soak`: `soak_round.py SEED SECONDS`. Threads run and compile functions while the main thread changes, at random,
what they rely on, collects garbage, forks, pauses tierjit and lets functions die. Each result is checked; the exit code tells.
"""

import gc
import os
import random
import sys
import threading
import time

import tierjit

SOURCE = """
class Base:
    def step(self, i):
        return i + 1

class Node(Base):
    more = {k}

    def __init__(self, x):
        self.x = x
        self.me = self

def plain(i):
    return i + 1

def guarded(i):
    try:
        if i % 7 == 3:
            raise KeyError(i)
        return i
    except KeyError as error:
        return error.args[0]

def items(n):
    for i in range(n):
        yield Node(i)

def work(n):
    total = 0
    for node in items(n):
        total += node.step(node.x) - plain(node.x) + guarded(node.x) + node.more * 0.5
    return total
"""


class Family:
    """A namespace of functions whose work(n) is known whatever state its parts are in."""

    def __init__(self, rng):
        self.rng = rng
        self.k = rng.randrange(1000)
        self.space = {}
        exec(SOURCE.format(k=self.k), self.space)
        self.functions = {name: self.space[name] for name in ("plain", "guarded", "items", "work")}
        self.codes = self.copies()

    def copies(self):
        other = {}
        exec(SOURCE.format(k=self.k), other)
        return {name: [function.__code__, other[name].__code__] for name, function in self.functions.items()}

    def check(self, n):
        got, expected = self.space["work"](n), n * (n - 1) // 2 + n * self.k * 0.5
        assert got == expected, (n, got, expected)

    def change(self):
        space, rng = self.space, self.rng
        name = rng.choice(list(self.codes))
        rng.choice([
            lambda: setattr(self.functions[name], "__code__", rng.choice(self.codes[name])),
            lambda: space.update(plain=rng.choice([self.functions["plain"], (1).__add__, lambda i: i + 1])),
            lambda: setattr(space["Node"], "step", rng.choice([space["Base"].step, lambda self, i: i + 1])),
            lambda: "step" in vars(space["Node"]) and delattr(space["Node"], "step"),
            lambda: setattr(space["Node"], "more", rng.choice([self.k, float(self.k), property(lambda node: self.k)])),
            lambda: setattr(space["Node"], "__bases__", (type("Between", (space["Base"],), {}),)),
            lambda: setattr(space["Base"], "unused", rng.random()),
            lambda: space.update(unused=rng.random()),
        ])()


class Round:
    def __init__(self, seed, seconds):
        self.rng = random.Random(seed)
        self.end = time.monotonic() + seconds
        self.families = [Family(self.rng) for _ in range(6)]
        self.wrong = []
        self.counts = dict.fromkeys(("runs", "changes", "forks", "collections", "deaths"), 0)

    def run(self, seed):
        rng = random.Random(seed)
        try:
            while time.monotonic() < self.end and not self.wrong:
                rng.choice(self.families).check(rng.choice([1, 5, 30, 150]))
                self.counts["runs"] += 1
        except BaseException as error:
            self.wrong.append(error)
            raise

    def fork(self):
        child = os.fork()
        if child == 0:
            self.end = time.monotonic() + 0.05
            threads = [threading.Thread(target=self.run, args=(i,)) for i in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            os._exit(1 if self.wrong else 0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == 0, f"a child ended with {code}"
        self.counts["forks"] += 1

    def replace(self):
        self.families[self.rng.randrange(len(self.families))] = Family(self.rng)
        self.counts["deaths"] += 1

    def collect(self):
        gc.collect(self.rng.randrange(3))
        self.counts["collections"] += 1

    def control(self):
        if self.rng.random() < 0.5:
            with tierjit.pause():
                self.families[0].check(40)
        else:
            tierjit.disable()
            self.families[0].check(40)
            tierjit.enable()

    def change(self):
        self.rng.choice(self.families).change()
        self.counts["changes"] += 1

    def main(self):
        threads = [threading.Thread(target=self.run, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        actions = [self.change] * 40 + [self.collect] * 3 + [self.replace] * 3 + [self.fork, self.control]
        while time.monotonic() < self.end and not self.wrong:
            self.rng.choice(actions)()
            time.sleep(0)
        for thread in threads:
            thread.join()
        return 1 if self.wrong else 0


if __name__ == "__main__":
    number = int(sys.argv[1])
    tierjit.configure(tier1_threshold=1, tier2=number % 4 > 0, tier2_threshold=20, osr_threshold=60, profiled_turns=8,
                      compile_delay_us=(0, 100, 2000)[number % 3], fail_guards=number if number % 5 == 4 else 0)
    tierjit.enable()
    sys.setswitchinterval((1e-6, 1e-4)[number % 2])
    gc.set_threshold((100, 2000)[number // 2 % 2], 5, 5)
    work = Round(number, float(sys.argv[2]))
    code = work.main()
    print(*(f"{value} {name}" for name, value in work.counts.items()), sep=", ")
    sys.exit(code)

"""Exceptions raised, caught by class, chained and cleaned up after."""


class Refused(ValueError):
    def __init__(self, code):
        super().__init__(f"refused {code}")
        self.code = code


def check(i):
    if i % 5 == 0:
        raise Refused(i % 7)
    if i % 7 == 0:
        raise KeyError(i)
    return i


def attempt(i, log):
    try:
        return check(i)
    except Refused as error:
        log["refused"] += error.code
    except KeyError:
        log["missing"] += 1
    finally:
        log["tries"] += 1
    return 0


def run(n):
    log = {"refused": 0, "missing": 0, "tries": 0}
    total = 0
    for i in range(n):
        total += attempt(i, log)
    return total, log

"""Counting in a dict with int and str keys."""


def run(n):
    by_int, by_name = {}, {}
    for i in range(n):
        key = i * 31 % 101
        by_int[key] = by_int.get(key, 0) + 1
        name = "even" if key % 2 == 0 else "odd"
        if name in by_name:
            by_name[name] += key
        else:
            by_name[name] = key
    return sorted(by_int.items())[:10], by_name

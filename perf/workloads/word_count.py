"""A hand-written scanner over text, and counting of the words that it finds."""

TEXT = """The quick brown fox jumps over the lazy dog; then the dog, being lazy, sleeps.
In 1969 - so they say - 3 foxes and 42 dogs ran 100.5 miles, and the quick ones won."""


def words(text):
    found, start = [], -1
    for i, c in enumerate(text):
        if c.isalnum():
            if start < 0:
                start = i
        elif start >= 0:
            found.append(text[start:i].lower())
            start = -1
    if start >= 0:
        found.append(text[start:].lower())
    return found


def run(n):
    counts, numbers = {}, 0
    for _ in range(n):
        for word in words(TEXT):
            if word.isdigit():
                numbers += int(word)
                continue
            counts[word] = counts.get(word, 0) + 1
    return numbers, sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:8]

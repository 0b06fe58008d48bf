"""Many small objects that live for a short time: binary trees, built, searched and dropped."""


class Node:
    __slots__ = ("left", "right", "key")

    def __init__(self, key):
        self.key = key
        self.left = None
        self.right = None


def insert(root, key):
    while True:
        if key < root.key:
            if root.left is None:
                root.left = Node(key)
                return
            root = root.left
        else:
            if root.right is None:
                root.right = Node(key)
                return
            root = root.right


def full(depth):
    node = Node(depth)
    if depth > 0:
        node.left = full(depth - 1)
        node.right = full(depth - 1)
    return node


def weight(node):
    return 0 if node is None else 1 + weight(node.left) + weight(node.right)


def run(n):
    total = 0
    for i in range(n):
        total += weight(full(7))
        root = Node(500)
        for k in range(60):
            insert(root, (k * 397 + i) % 1000)
        total += weight(root)
    return total

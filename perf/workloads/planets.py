"""Bodies under gravity, as objects with slots."""

import math


class Body:
    __slots__ = ("x", "y", "vx", "vy", "mass")

    def __init__(self, x, y, vx, vy, mass):
        self.x, self.y, self.vx, self.vy, self.mass = x, y, vx, vy, mass


def advance(bodies, dt):
    for i, a in enumerate(bodies):
        for b in bodies[i + 1:]:
            dx, dy = b.x - a.x, b.y - a.y
            pull = dt / (dx * dx + dy * dy + 0.01) ** 1.5
            a.vx += dx * b.mass * pull
            a.vy += dy * b.mass * pull
            b.vx -= dx * a.mass * pull
            b.vy -= dy * a.mass * pull
    for body in bodies:
        body.x += body.vx * dt
        body.y += body.vy * dt


def run(n):
    bodies = [Body(math.cos(k), math.sin(k) * (k + 1), 0.1 * k, -0.1, 1.0 / (k + 1)) for k in range(5)]
    for _ in range(n):
        advance(bodies, 0.001)
    return [(body.x, body.y) for body in bodies]

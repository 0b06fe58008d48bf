"""What `tools/dev` does once it has found a CPython 3.13: one module a command."""

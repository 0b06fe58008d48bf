"""Cuts compiled stencils out of ELF objects and writes them as C++ tables; see stencilgen.py."""

"""Agents in worlds of cells: worlds by the hundred, proximal policy optimisation, shortest ways to learn from."""

"""Graphs whose edges are as thick as their weights."""

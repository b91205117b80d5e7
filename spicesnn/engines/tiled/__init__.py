"""Layers that stand on several arrays: cut into tiles with wires of their own, solved exactly, or
followed while cells move."""

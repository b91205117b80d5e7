"""Cells driven through an engine, and the tables that then stand for them."""

"""Measurements as instruments and spreadsheets write them: text, numbers, headers, blocks, columns,
sweeps."""

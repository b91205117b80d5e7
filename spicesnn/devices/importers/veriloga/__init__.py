"""Verilog-A models as equations: read, executed symbolically, brought into the form i(v, x), dx/dt
= f(v, x)."""

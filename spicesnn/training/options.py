"""Where the options of tables were in earlier releases: scripts and plug-ins may still import them
from here."""

from spicesnn.options import Section, converted, option, parse_override, render_toml, unknown_key

__all__ = ["Section", "converted", "option", "parse_override", "render_toml", "unknown_key"]

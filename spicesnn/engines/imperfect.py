"""Where `Imperfections` was in earlier releases: scripts and plug-ins may still import it from
here."""

from spicesnn.nonidealities.realised import Imperfections

__all__ = ["Imperfections"]

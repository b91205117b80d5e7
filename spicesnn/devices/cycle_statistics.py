"""Statistics of switching cycles: how four measured numbers vary from device to device and from
cycle to cycle, together.

Each cycle of a device has a set voltage, a reset voltage and the resistances of the two states. A
monotone map to normal scores, one per quantity, takes the measured distributions (whatever their
form) to a standard normal one. There a device's numbers are

    z(k, n) = d(k) + c(k, n),   c(k, n) = Σᵢ Aᵢ c(k, n − i) + e(k, n),   d ~ N(0, D),   e ~ N(0, Q),

a constant of the device and a vector-autoregressive process of its cycles (T. Hennen et al., IEEE
Trans. Electron Devices, 2024: the idea of a vector-autoregressive model of cycles with measured
distributions; equations and estimators here are our own).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, check_generator, owned
from spicesnn.errors import DataError, InputError
from spicesnn.file_kinds import unreadable
from spicesnn.whole_file import write_whole

QUANTITIES = ("set_volts", "reset_volts", "lrs_ohm", "hrs_ohm")
UNITS = {"set_volts": "V", "reset_volts": "V", "lrs_ohm": "Ω", "hrs_ohm": "Ω"}
_LARGEST_FILE = 1 << 24
_MOST_ORDER = 100
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class CycleState:
    """Where cells are in their cycles: what the next draw follows from.

    Attributes
    ----------
    device : (quantities, …)
        Normal scores of the devices' constants.
    past : (order, quantities, …)
        Normal scores of the last cycles, the present one first.
    """

    device: Floats
    past: Floats

    @property
    def scores(self) -> Floats:
        """Normal scores of the present cycle, (quantities, …)."""
        return np.asarray(self.device + self.past[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class CycleStatistics:
    """A generative model of switching cycles.

    Attributes
    ----------
    scores : (nodes,)
        Normal scores at which `values` stand, increasing.
    values : (quantities, nodes)
        Quantiles of set voltage (V), reset voltage (V), low and high resistance (Ω), increasing.
    coefficients : (order, quantities, quantities)
        A₁, A₂, …: the part of the cycles before in the next one.
    noise : (quantities, quantities)
        Q, the covariance of what is new in a cycle.
    devices : (quantities, quantities)
        D, the covariance of the devices' constants.
    remarks : tuple of str
        What it was fitted to.
    """

    scores: Floats
    values: Floats
    coefficients: Floats
    noise: Floats
    devices: Floats
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("scores", "values", "coefficients", "noise", "devices"):
            object.__setattr__(self, name, owned(getattr(self, name), f"cycle statistics: {name}"))
        m, q = len(QUANTITIES), len(self.scores) if self.scores.ndim == 1 else -1
        order = len(self.coefficients)
        expected = {
            "values": (m, q),
            "coefficients": (order, m, m),
            "noise": (m, m),
            "devices": (m, m),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape or not np.all(np.isfinite(getattr(self, name))):
                got = getattr(self, name).shape
                raise InputError(
                    f"cycle statistics: {name} has shape {got}; expected finite {shape}"
                )
        if q < 2 or np.any(np.diff(self.scores) <= 0) or np.any(np.diff(self.values, axis=1) < 0):
            raise InputError(
                "cycle statistics: scores have to increase, values must not decrease, two or more"
            )
        if not 1 <= order <= _MOST_ORDER:
            raise InputError(f"cycle statistics: order {order}; expected 1 to {_MOST_ORDER}")
        self._check_covariances()

    def _check_covariances(self) -> None:
        for name in ("noise", "devices"):
            matrix = getattr(self, name)
            if (
                not np.allclose(matrix, matrix.T, atol=1e-9)
                or np.linalg.eigvalsh(matrix)[0] < -1e-9
            ):
                raise InputError(
                    f"cycle statistics: {name} is no covariance (symmetric, nowhere < 0)"
                )
        largest = float(np.max(np.abs(np.linalg.eigvals(self._companion))))
        if largest >= 1:
            raise InputError(
                "cycle statistics: the cycles grow without bound (an eigenvalue of "
                f"{largest:.3g}); "
                "expected all within 1"
            )
        spread = np.diag(self.devices + self.stationary[: len(QUANTITIES), : len(QUANTITIES)])
        if not np.allclose(spread, 1.0, atol=1e-6):
            raise InputError(
                f"cycle statistics: normal scores of variance {np.round(spread, 4).tolist()}; "
                "expected 1"
            )

    @property
    def order(self) -> int:
        """Number of cycles that a cycle remembers."""
        return len(self.coefficients)

    @cached_property
    def _companion(self) -> Floats:
        m, p = len(QUANTITIES), self.order
        matrix = np.zeros((p * m, p * m))
        matrix[:m] = np.concatenate(list(self.coefficients), axis=1)
        matrix[m:, : (p - 1) * m] = np.eye((p - 1) * m)
        return matrix

    @cached_property
    def stationary(self) -> Floats:
        """Covariance of the normal scores of `order` cycles in turn, (order·quantities,) twice."""
        from scipy.linalg import solve_discrete_lyapunov  # a quarter of a command's start

        new = np.zeros_like(self._companion)
        new[: len(QUANTITIES), : len(QUANTITIES)] = self.noise
        found = solve_discrete_lyapunov(self._companion, new)
        return np.asarray((found + found.T) / 2)

    @cached_property
    def _roots(self) -> tuple[Floats, Floats, Floats]:
        return _root(self.devices), _root(self.noise), _root(self.stationary)

    # -- draws ---------------------------------------------------------------------------------

    def fresh(self, shape: tuple[int, ...], rng: np.random.Generator) -> CycleState:
        """Return devices of `shape` in a cycle of theirs, long after the first."""
        m, p = len(QUANTITIES), self.order
        device, _, past = self._roots
        one = np.tensordot(device, rng.standard_normal((m, *shape)), axes=1)
        many = np.tensordot(past, rng.standard_normal((p * m, *shape)), axes=1)
        return CycleState(device=one, past=many.reshape(p, m, *shape))

    def following(
        self, state: CycleState, rng: np.random.Generator, where: ArrayLike = True
    ) -> CycleState:
        """Return devices one cycle later.

        Parameters
        ----------
        state : CycleState
        rng : numpy.random.Generator
            The same number of draws whatever `where` says.
        where : (…) bool
            Devices that begin a new cycle; the others stay in theirs.
        """
        new = np.tensordot(self._roots[1], rng.standard_normal(state.device.shape), axes=1)
        for matrix, before in zip(self.coefficients, state.past, strict=True):
            new = new + np.tensordot(matrix, before, axes=1)
        later = np.concatenate([new[None], state.past[:-1]])
        return CycleState(device=state.device, past=np.where(np.asarray(where), later, state.past))

    def of_scores(self, scores: ArrayLike) -> Floats:
        """Return the quantities (quantities, …) of normal scores; none lies beyond the measured
        ones.
        """
        given = np.asarray(scores, dtype=float)
        each = [np.interp(z, self.scores, row) for z, row in zip(given, self.values, strict=True)]
        return np.stack(each)

    def draw(self, devices: int, cycles: int, rng: np.random.Generator) -> Floats:
        """Return (devices, cycles, quantities): volts, volts, ohms, ohms, as `QUANTITIES`."""
        check_generator(rng, "cycles: draw")
        if devices < 1 or cycles < 1:
            raise InputError(f"{devices} devices, {cycles} cycles; expected 1 or more")
        state = self.fresh((devices,), rng)
        found = np.empty((cycles, len(QUANTITIES), devices))
        for n in range(cycles):
            state = state if n == 0 else self.following(state, rng)
            found[n] = self.of_scores(state.scores)
        return np.asarray(found.transpose(2, 0, 1))

    # -- files ---------------------------------------------------------------------------------

    def table(self) -> dict[str, Any]:
        """Return plain values, as a file has them."""
        return {
            "quantities": list(QUANTITIES),
            "remarks": list(self.remarks),
            "scores": self.scores.tolist(),
            "values": self.values.tolist(),
            "coefficients": self.coefficients.tolist(),
            "noise": self.noise.tolist(),
            "devices": self.devices.tolist(),
        }

    def write_toml(self, path: str | Path) -> Path:
        """Write a file that `read` takes, and return its path."""
        path = Path(path)
        lines = [*(f"# {line}" for line in self.remarks), "[cycles]"]
        for key, value in self.table().items():
            lines.append(f"{key} = {_toml(value)}")
        try:
            write_whole(path, "\n".join(lines) + "\n")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from None
        return path

    @classmethod
    def read(cls, path: str | Path) -> CycleStatistics:
        """Return the model in a file that `write_toml` (or ``spicesnn fit cycles``) has written.

        Raises
        ------
        DataError
            No such file, or one that holds something else.
        """
        path = Path(path)
        wanted = "a file of cycle statistics, which spicesnn fit cycles writes"
        try:
            size = path.stat().st_size
            text = path.read_text(encoding="utf-8-sig") if size <= _LARGEST_FILE else ""
            content = tomllib.loads(text)
        except OSError as error:
            raise unreadable(path, error, wanted) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
            raise DataError(f"{path} is no TOML file; expected {wanted}") from None
        table = content.get("cycles")
        if not isinstance(table, Mapping):
            raise DataError(f"{path} has no table [cycles]; expected {wanted}")
        return cls._of_table(table, path)

    @classmethod
    def _of_table(cls, table: Mapping[str, Any], path: Path) -> CycleStatistics:
        names = ("scores", "values", "coefficients", "noise", "devices")
        absent = [name for name in names if name not in table]
        if absent or table.get("quantities") != list(QUANTITIES):
            what = absent[0] if absent else f"quantities = {list(QUANTITIES)}"
            raise DataError(
                f"{path}: [cycles] has no {what}; fit it again with spicesnn fit cycles"
            )
        remarks = table.get("remarks", [])
        if not isinstance(remarks, list) or not all(isinstance(text, str) for text in remarks):
            raise DataError(f"{path}: remarks of [cycles] are no list of texts")
        try:
            arrays = {name: np.asarray(table[name], dtype=float) for name in names}
            return cls(**arrays, remarks=tuple(remarks))
        except (ValueError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"{path}: [cycles] is damaged ({reason}); fit it again") from None


def _root(covariance: Floats) -> Floats:
    """Return R with R Rᵀ = covariance, also where it is singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(float(value)) if math.isfinite(value) else "nan"

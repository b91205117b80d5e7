"""Figures inside a page: as data addresses, all together within what a page may weigh."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

BUDGET_BYTES = 2_000_000
"""For all pictures of a page; as data addresses they take a third more."""

_WAYS: tuple[dict[str, Any], ...] = (
    {"lossless": True, "quality": 50, "method": 3},
    {"quality": 80},
    {"quality": 50},
    {"quality": 20},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """A picture in a page: its data address, and its size in pixels, by which a browser leaves room
    for it before it is decoded."""

    source: str
    width: int
    height: int


def embedded(pictures: Sequence[Image], budget: int = BUDGET_BYTES) -> list[Embedded]:
    """Return pictures as WebP in data addresses: without loss if they all fit into `budget` bytes,
    else with as little loss as it takes."""
    encoded = [_encoded(picture, _WAYS[0]) for picture in pictures]
    for way in _WAYS[1:]:
        if sum(map(len, encoded)) <= budget:
            break
        encoded = [_encoded(picture, way) for picture in pictures]
    return [
        Embedded(
            source=f"data:image/webp;base64,{base64.b64encode(data).decode()}",
            width=picture.width,
            height=picture.height,
        )
        for data, picture in zip(encoded, pictures, strict=True)
    ]


def _encoded(picture: Image, way: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="webp", **way)
    return buffer.getvalue()

"""The engines that a job and its twin run on, by name."""

from __future__ import annotations

from typing import Literal

EngineName = Literal["inline", "local", "hadoop", "emr", "spark", "yarn"]

TWINS: dict[str, str | None] = {"spark": None, "yarn": "yarn"}
"""Those on which the Spark twin runs, with their masters: on this machine, and on a Hadoop cluster."""
ENGINES = ("inline", "local", "hadoop", *TWINS)
"""All of them that are proven to give the same bytes: the columns of the parity matrix."""
ON_CLUSTERS = frozenset({"hadoop", "yarn"})
"""Those of them that need a cluster to run on."""

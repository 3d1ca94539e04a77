"""Sensor logs with a known answer, seeded and fast: `python scripts/generate_sample_data.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from scripts.sample_data_generator.cli import main

    sys.exit(main())

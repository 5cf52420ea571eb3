from __future__ import annotations

from cli.conftest import receiver, run

__all__ = ["receiver", "run"]

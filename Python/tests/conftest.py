"""Tests call the command that NORMCONV_BINARY names."""

from __future__ import annotations

from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "Fixtures"


@pytest.fixture
def fixtures() -> Path:
    return FIXTURES

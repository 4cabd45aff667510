"""What formats are read into."""

from __future__ import annotations

import pytest

from ingestion.formats.model import Attributes, Bike, Status


@pytest.mark.parametrize(("kind", "required"), [(Status, []), (Attributes, []), (Bike, ["bike_id"])])
def test_what_a_format_does_not_state_it_need_not_name(
    kind: type[Status | Attributes | Bike], required: list[str]
) -> None:
    """So that a new field does not touch every format."""
    assert [name for name in kind._fields if name not in kind._field_defaults] == required
    assert set(kind._field_defaults.values()) == {None}

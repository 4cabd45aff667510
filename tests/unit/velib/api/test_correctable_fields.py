"""What the API lets people correct is what the database takes."""

import re

from velib.api.corrections import FIELDS
from velib.core import settings


def test_the_fields_are_those_of_the_macro() -> None:
    text = next((settings.dbt_project() / "macros").rglob("corrections.sql")).read_text()
    body = text.partition("macro correctable_fields(entity)")[2].partition("{% endmacro %}")[0]
    of_station, of_bike = (re.findall(r"\('(\w+)', '", part) for part in body.split("'bike': ["))
    assert tuple(of_station) == FIELDS["station"]
    assert tuple(of_bike) == FIELDS["bike"]

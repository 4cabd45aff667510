"""Alerts: incidents that are open, and those of before. `velib alert` writes them, in the schema `alerting`, and not builds.

Its tables are no part of the mart and have no contract there, so what is read of them stands here.
"""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from velib.api.contracts import Column, Relation
from velib.api.listing import Listing, Time, page
from velib.api.problems import Problem
from velib.api.query import Order
from velib.api.routes import listed
from velib.api.state import state_of

_COLUMNS = (
    Column("incident_id", "bigint", "Key. Ascending in time.", False),
    Column("rule", "text", "The rule that holds.", False),
    Column("severity", "text", "critical, warning or info.", False),
    Column("subject", "text", "For what it holds: a station, a district, a feed, a run.", False),
    Column("label", "text", "The subject as people call it.", False),
    Column("fact", "text", "What is so, as it was last found.", False),
    Column("since", "timestamp with time zone", "Since when it is so; null where that is not known.", True),
    Column("opened_at", "timestamp with time zone", "When that was found.", False),
    Column("last_notified_at", "timestamp with time zone", "When somebody was last told; null where nobody was.", True),
    Column("recovered_at", "timestamp with time zone", "When it was found to be over; null while it is open.", True),
    Column("is_open", "boolean", "Whether it is open.", False),
)
INCIDENTS = Relation(
    "alerts",
    "Incidents: a rule, and a subject for which it holds or held. Of the last 400 days. An incident that comes back within its "
    "rule's cool-down had never been over. Before the first `velib alert` there are none.",
    _COLUMNS,
    ("incident_id",),
    "alerting.public_incidents",
)
_NONE = replace(
    INCIDENTS,
    source=f"(select {', '.join(f'null::{column.data_type} as {column.name}' for column in _COLUMNS)} where false)",
)
# Whether there are any, and whether we may see them: null where nothing is there.
_READABLE = """
select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as is_readable
from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'alerting' and c.relname = 'public_incidents'
"""


def _listing(relation: Relation) -> Listing:
    return Listing(
        relation,
        (Order(relation["incident_id"], True),),
        Time(relation["opened_at"], most_days=400),
        is_of_builds=False,
    )


def router() -> APIRouter:
    found = APIRouter(tags=["pipeline"])
    listing, nothing = _listing(INCIDENTS), _listing(_NONE)
    parameters = listing.parameters

    async def alerts(request: Request, given: parameters) -> Response:  # type: ignore[valid-type]
        readable = await state_of(request).database.fetch(_READABLE)
        if readable and not readable[0]["is_readable"]:
            raise Problem(503, "the API may not read the alerts yet: the next `velib alert` lets it", "not-granted", 60)
        return await page(request, listing if readable else nothing, given)

    listed.add(
        found,
        "/v1/alerts",
        listing,
        "Alerts",
        "Incidents, the newest first; `is_open=true`: those that are not over",
        endpoint=alerts,
    )
    return found

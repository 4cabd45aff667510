"""Who may: the dependency of every endpoint that needs a key."""

from fastapi import Request, Security
from fastapi.security import APIKeyHeader

from velib.api.keys import HEADER, Key
from velib.api.problems import Problem
from velib.api.state import state_of

_header = APIKeyHeader(name=HEADER, auto_error=False, description="A key of `velib api key new`.")


def require(scope: str):  # type: ignore[no-untyped-def]  # a dependency; FastAPI reads its signature
    """A dependency: the request has a key with this scope, which it gives. Nothing is ever open for want of keys."""

    async def holder(request: Request, given: str | None = Security(_header)) -> Key:
        if not given:
            raise Problem(401, f"this needs an API key in the header {HEADER}", headers={"www-authenticate": "ApiKey"})
        key = state_of(request).keys.find(given[:200])
        if key is None:
            raise Problem(401, "this API key is not known", headers={"www-authenticate": "ApiKey"})
        if scope not in key.scopes:
            raise Problem(403, f"this API key has not the scope {scope}")
        return key

    return holder

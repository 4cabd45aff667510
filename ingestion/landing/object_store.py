"""Object storage that speaks S3: pages of a listing, the bytes of an object, a PUT. What the objects mean is the landing zone's.

What goes wrong is an OSError of the kind that a file would give, with a reason of a few words: FileNotFoundError,
PermissionError, FileExistsError, ConnectionError for what may pass. Credentials come by the usual chain (environment,
profile, the machine's role) and are put into no message. botocore is imported with the first call: it takes longer than
listing a thousand files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import xxhash

from velib.core.errors import UsageError, VelibError

SCHEME = "s3://"

_MISSING = ("NoSuchKey", "NotFound", "404")
_MISSING_BUCKET = ("NoSuchBucket", "InvalidBucketName")
_NOT_SUPPORTED = ("NotImplemented", "501")
_CHANGED = ("InvalidRange", "416")
# botocore tries a request again, but not an answer that breaks off after its beginning.
_TRIES = 3


class Object(NamedTuple):
    """What a listing says of an object."""

    key: str
    size: int
    modified_ns: int


class Page(NamedTuple):
    """Up to a thousand names of a listing, in order: objects, and what lies deeper by the folder it lies in."""

    objects: list[Object]
    folders: list[str]  # keys that end in a slash


def split(url: str) -> tuple[str, str]:
    """Bucket and key of a URL; the key of a whole bucket is empty."""
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise UsageError(f"{url} names no bucket: s3://BUCKET/FOLDER is expected")
    return bucket, key


def pages(url: str, by_folder: bool = False, most: int = 1000) -> Iterator[Page]:
    """All objects whose URL begins with this one, a page at a time; with `by_folder` only down to the next slash."""
    bucket, prefix = split(url)
    arguments: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": most}
    if by_folder:
        arguments["Delimiter"] = "/"
    while True:
        with _errors():
            answer = _client().list_objects_v2(**arguments)
        yield Page(
            [_object(each["Key"], each) for each in answer.get("Contents", ())],
            [each["Prefix"] for each in answer.get("CommonPrefixes", ())],
        )
        if not answer.get("IsTruncated"):
            return
        arguments["ContinuationToken"] = answer["NextContinuationToken"]


def has_objects(url: str) -> bool:
    """Whether anything begins with this URL."""
    return any(page.objects for page in pages(url, most=1))


def about(url: str) -> Object:
    """What is known of one object."""
    bucket, key = split(url)
    with _errors():
        answer = _client().head_object(Bucket=bucket, Key=key)
    return _object(key, {**answer, "Size": answer["ContentLength"]})


def read(url: str, most: int, start: int = 0) -> bytes:
    """An object's bytes from `start` on, no more than `most` of them."""
    bucket, key = split(url)
    arguments = {"Range": f"bytes={start}-{start + most - 1}"} if start else {}
    for _ in range(_TRIES):
        with _errors():
            answer = _client().get_object(Bucket=bucket, Key=key, **arguments)
            body = answer["Body"]
            try:
                data: bytes = body.read(most)
            except _cut_off():
                continue
            finally:
                body.close()  # what is left is not waited for
        # A connection that ends early looks like the end of the object: nobody below counts.
        if len(data) == min(most, answer["ContentLength"]):
            return data
    raise ConnectionError(errno.EPIPE, "the object store broke off in the middle of an object")


def write(url: str, data: bytes, only_new: bool = False) -> None:
    """Put an object: it is there whole, or not at all. With `only_new` a FileExistsError where one is there already."""
    bucket, key = split(url)
    if not only_new:
        with _errors():
            _client().put_object(Bucket=bucket, Key=key, Body=data)
        return
    try:
        with _errors():
            _client().put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except NotImplementedError:  # an older store: two writers of one second might then both win
        try:
            about(url)
        except FileNotFoundError:
            write(url, data)
        else:
            raise FileExistsError(errno.EEXIST, "it is there already", url) from None


def remove(url: str) -> None:
    """Delete an object; one that is gone is no error."""
    bucket, key = split(url)
    with _errors():
        _client().delete_object(Bucket=bucket, Key=key)


def _object(key: str, answer: dict[str, Any]) -> Object:
    modified: datetime = answer["LastModified"]
    # Stores tell whole seconds, and an object may be written twice in one. The ETag tells those apart: it stands where a
    # file's time stamp has its fractions of a second.
    fraction = xxhash.xxh3_64_intdigest(answer.get("ETag", "").encode()) % 1_000_000_000
    return Object(key, int(answer["Size"]), int(modified.timestamp()) * 1_000_000_000 + fraction)


def _client() -> Any:
    return client_of(os.getpid())


@cache
def client_of(process: int) -> Any:
    """One for a process: its connections are kept. Threads may share it, but not a process that is forked off."""
    from botocore.config import Config
    from botocore.session import Session

    settings = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard"},  # three attempts, or AWS_MAX_ATTEMPTS
        # What is newer than S3's own MD5 not every store that speaks its protocol knows.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with _errors():
        return Session().create_client("s3", config=settings)


@contextmanager
def _errors() -> Iterator[None]:
    """What botocore raises, as the OSError that a file would give. Nothing of the request is in its words."""
    try:
        from botocore import exceptions as known
    except ImportError:
        raise VelibError("s3:// needs one package more: pip install 'velib-warehouse[s3]', or make install") from None
    try:
        yield
    except known.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise _refusal(code, status) from None
    except (known.NoCredentialsError, known.CredentialRetrievalError, known.PartialCredentialsError):
        raise PermissionError(
            errno.EACCES, "no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, give them"
        ) from None
    except known.ProfileNotFound as error:
        raise PermissionError(errno.EACCES, str(error)) from None
    except (known.ConnectionError, known.HTTPClientError) as error:
        where = str(error.kwargs.get("endpoint_url") or "").split("?")[0]
        raise ConnectionError(errno.EHOSTUNREACH, f"cannot reach the object store {where}".rstrip()) from None
    except (known.BotoCoreError, ValueError) as error:
        raise ConnectionError(errno.EIO, " ".join(str(error).split())) from None


def _cut_off() -> tuple[type[Exception], ...]:
    from botocore import exceptions as known

    return known.ReadTimeoutError, known.ResponseStreamingError


def _refusal(code: str, status: int) -> Exception:
    if code in _MISSING_BUCKET:
        return FileNotFoundError(errno.ENOENT, "no such bucket")
    if code in _MISSING:
        return FileNotFoundError(errno.ENOENT, "no such object")
    if code in _CHANGED:
        return FileNotFoundError(errno.ENOENT, "it has changed")
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"not allowed ({code})")
    if status in (409, 412):
        return FileExistsError(errno.EEXIST, "it is there already")
    if code in _NOT_SUPPORTED:
        return NotImplementedError(code)
    return ConnectionError(errno.EIO, f"the object store refused ({code or status})")

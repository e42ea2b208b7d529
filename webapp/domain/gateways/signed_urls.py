"""Signed URLs: each permits one method on one object until it expires.

Pure functions. There are two schemes: our own HMAC for the folder, and Signature V4 for uploads to
S3. The latter because the minio client signs only the host, so an uploader could send another
content type.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit


def attachment(download_name: str) -> str:
    """Return a Content-Disposition with a download name in any script (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", download_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(download_name, safe='')}"


def period_start(length: timedelta) -> datetime:
    """Return the start of the current period of a length, counted from the epoch.

    With a length of 0 it is the current time.
    """
    now = time.time()
    seconds = length.total_seconds()
    return datetime.fromtimestamp(now - now % seconds if seconds else now, UTC)


def sign(
    secret_key: str,
    *,
    method: str,
    key: str,
    expires: int,
    content_type: str = "",
    download_name: str = "",
) -> str:
    """Return the hex HMAC-SHA256 that permits one method on one key until `expires` (epoch s)."""
    # Quoted parts contain no newline, so no two requests have the same message.
    parts = (method, key, str(expires), content_type, download_name)
    message = "\n".join(["style-license storage v1", *(quote(part) for part in parts)])
    return hmac.new(secret_key.encode(), message.encode(), hashlib.sha256).hexdigest()


def verify(
    secret_key: str,
    *,
    method: str,
    key: str,
    query_args: Mapping[str, str],
    content_type: str = "",
    now: float | None = None,
) -> bool:
    """Tell whether a request has a valid signature that has not expired.

    `query_args` are the request's `expires`, `signature` and perhaps `download`; `content_type` is
    signed for PUT only. A GET signature also permits HEAD.
    """
    expires, signature = query_args.get("expires", ""), query_args.get("signature", "")
    if not re.fullmatch(r"[0-9]{1,12}", expires, re.ASCII) or not signature.isascii():
        return False
    expected = sign(
        secret_key,
        method="GET" if method == "HEAD" else method,
        key=key,
        expires=int(expires),
        content_type=content_type.strip().lower() if method == "PUT" else "",
        download_name=query_args.get("download", ""),
    )
    is_unexpired = (time.time() if now is None else now) < int(expires)
    return hmac.compare_digest(expected, signature) and is_unexpired


def s3_url(
    url: str,
    *,
    method: str,
    headers: Mapping[str, str],
    expires_in: timedelta,
    access_key: str,
    secret_key: str,
    region: str,
    now: datetime | None = None,
) -> str:
    """Return the URL signed for one method and exactly these headers (AWS Signature Version 4).

    Source: "Authenticating Requests: Using Query Parameters", Amazon S3 API Reference.
    """
    moment = now or datetime.now(UTC)
    stamp = moment.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    parts = urlsplit(url)
    signed = {"host": parts.netloc} | {name.lower(): value for name, value in headers.items()}
    names = ";".join(sorted(signed))
    query = "&".join(
        f"{name}={quote(value, safe='')}"
        for name, value in (
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", f"{access_key}/{scope}"),
            ("X-Amz-Date", stamp),
            ("X-Amz-Expires", str(int(expires_in.total_seconds()))),
            ("X-Amz-SignedHeaders", names),
        )
    )
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = f"{method}\n{quote(parts.path)}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    secret = f"AWS4{secret_key}".encode()
    for step in scope.split("/"):
        secret = hmac.digest(secret, step.encode(), "sha256")
    message = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(secret, message.encode(), hashlib.sha256).hexdigest()
    return f"{parts.scheme}://{parts.netloc}{quote(parts.path)}?{query}&X-Amz-Signature={signature}"

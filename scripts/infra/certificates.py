"""Certificates that the nodes of a cluster show each other: encryption in transit needs them as a zip in the lake."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from jobs.errors import JobError

KEY = ".sensor-jobs/certificates.zip"
_DAYS = 3650
_FILES = ("privateKey.pem", "certificateChain.pem", "trustedCertificates.pem")


def uri(bucket: str) -> str:
    """Where the zip lies in the lake, unless the user has another."""
    return f"s3://{bucket}/{KEY}"


def ensure(s3: Any, bucket: str, region: str) -> None:
    """Make self-signed ones where no zip lies in `bucket`. Raises JobError."""
    from botocore.exceptions import ClientError

    try:
        s3.head_object(Bucket=bucket, Key=KEY)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        with tempfile.TemporaryDirectory() as folder:
            s3.upload_file(str(make(Path(folder), region)), bucket, KEY)


def make(folder: Path, region: str) -> Path:
    """A zip of a fresh key and its certificate for the names that nodes have in this region."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    private, chain, trusted = (folder / name for name in _FILES)
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        str(_DAYS),
        "-subj",
        f"/CN=*.{domain}",
    ]
    try:
        done = subprocess.run(
            [*command, "-keyout", str(private), "-out", str(chain)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        fix = "install it, or name a zip of yours: --parameter CertificatesUri=s3://…"
        raise JobError("openssl is missing, which makes the nodes' certificates", fix=fix) from None
    if done.returncode:
        raise JobError(f"openssl: {done.stderr.strip().splitlines()[-1]}")
    trusted.write_bytes(chain.read_bytes())
    archive = folder / "certificates.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in (private, chain, trusted):
            file.write(path, path.name)
    return archive

"""The certificate by which the API server knows the webhook of an operator, made from a generated secret.

It follows from the secret alone: the same at every run, so that a preview without changes has none; another secret is
another certificate. No library writes such a thing down as one function; the parts are those of `cryptography`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_BEGINS, _ENDS = datetime(2024, 1, 1, tzinfo=UTC), datetime(2124, 1, 1, tzinfo=UTC)
"""A hundred years, as by the chart's own tool: whoever wants another certificate replaces the secret."""
_SCALAR_BYTES = 48
"""What a private key is reduced from: 128 bits more than it has, so that no key is likelier (FIPS 186-5, A.2.1)."""
_PURPOSE = b"meshlab: certificate of a webhook"


@dataclass(frozen=True)
class Certificate:
    """A certificate that vouches for itself, and its private key. Both are PEM."""

    certificate: str
    key: str


def self_signed(secret: str, names: Sequence[str]) -> Certificate:
    """A server's certificate for DNS `names`, on the curve P-256, from a secret of 256 bits or more.

    Raises ValueError where there is no name.
    """
    if not names:
        raise ValueError("certificate: expected a DNS name, got none")
    # Not before somebody wants a certificate: a preview of the first `up` makes none.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    curve = ec.SECP256R1()
    material = HKDF(hashes.SHA256(), _SCALAR_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())
    key = ec.derive_private_key(int.from_bytes(material, "big") % (curve.group_order - 1) + 1, curve)
    public = key.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(int.from_bytes(hashlib.sha256(point).digest()[:16], "big") | 1)
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())

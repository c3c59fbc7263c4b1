"""Checks and makes CMS messages with pyHanko. Requests come as lines of words that tabs separate, and each has a line as answer:
"ok" or "error", and what was found out.

  verify MESSAGE CONTENT ROOT            CONTENT is empty when it is inside
  sign OUT KEY CERT ISSUERS CONTENT HASH FLAGS    FLAGS are of: attached, cades
"""

import asyncio
import io
import sys
import warnings

from asn1crypto import cms, pem, x509
from pyhanko.sign import signers
from pyhanko.sign.validation.generic_cms import async_validate_cms_signature, async_validate_detached_cms
from pyhanko_certvalidator import ValidationContext


def certificates(path):
    with open(path, "rb") as f:
        return [x509.Certificate.load(der) for _, _, der in pem.unarmor(f.read(), multiple=True)]


def read(path):
    with open(path, "rb") as f:
        return f.read()


async def verify(message, content, root):
    info = cms.ContentInfo.load(read(message))
    context = ValidationContext(trust_roots=certificates(root), allow_fetching=False, revocation_mode="soft-fail")
    if content:
        status = await async_validate_detached_cms(read(content), info["content"], signer_validation_context=context)
    else:
        status = await async_validate_cms_signature(info["content"], validation_context=context)
    if not (status.intact and status.valid and status.trusted):
        problem = getattr(status, "trust_problem_indic", None) or getattr(status, "error_details", None)
        raise ValueError(f"intact {status.intact}, valid {status.valid}, trusted {status.trusted}: {problem}")
    return f"{status.md_algorithm} {status.pkcs7_signature_mechanism}"


async def sign(out, key, cert, issuers, content, digest, flags):
    flags = flags.split(",")
    signer = signers.SimpleSigner.load(key, cert, ca_chain_files=[issuers])
    if signer is None:
        raise ValueError("the key or the certificate cannot be loaded")
    made = await signer.async_sign_general_data(io.BytesIO(read(content)), digest, detached="attached" not in flags, use_cades="cades" in flags)
    with open(out, "wb") as f:
        f.write(made.dump())
    return made["content"]["signer_infos"][0]["digest_algorithm"]["algorithm"].native


def main():
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        verb, *args = line.rstrip("\n").split("\t")
        try:
            print("ok", asyncio.run({"verify": verify, "sign": sign}[verb](*args)))
        except Exception as e:  # whatever it is, it is the answer
            print("error", type(e).__name__, str(e).replace("\n", " "))


main()

"""Validates signed PDF documents with pyHanko: a root, then documents. It prints a line for each signature and document time-stamp."""
import logging
import os
import sys

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)
context = lambda: ValidationContext(trust_roots=[load_cert_from_pemder(sys.argv[1])], allow_fetching=False)
for path in sys.argv[2:]:
    name = os.path.basename(path)
    with open(path, "rb") as f:
        reader = PdfFileReader(f, strict=True)
        for s in reader.embedded_regular_signatures:
            r = validate_pdf_signature(s, context(), context())
            stamped = r.timestamp_validity is not None and r.timestamp_validity.valid and r.timestamp_validity.trusted
            print(f"{name} signature {s.sig_object['/SubFilter']} bottom_line={r.bottom_line} intact={r.intact} trusted={r.trusted}"
                  f" coverage={r.coverage.name} changes={r.modification_level.name if r.modification_level else None} time-stamp={stamped}"
                  f" signing_time_in_cms={any(a['type'].native == 'signing_time' for a in s.signer_info['signed_attrs'])} M={'/M' in s.sig_object}")
        for s in reader.embedded_timestamp_signatures:
            r = validate_pdf_timestamp(s, context())
            print(f"{name} time-stamp intact={r.intact} trusted={r.trusted} coverage={r.coverage.name}")
print("end")

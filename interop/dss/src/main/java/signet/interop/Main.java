package signet.interop;

import eu.europa.esig.dss.cades.validation.CMSDocumentValidator;
import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.diagnostic.jaxb.XmlCommitmentTypeIndication;
import eu.europa.esig.dss.diagnostic.jaxb.XmlSignerRole;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.File;
import java.util.List;
import java.util.stream.Collectors;

/** Validates CAdES with the reference implementation of the European Commission. */
public final class Main {
    private Main() {
    }

    public static void main(String[] argv) throws Exception {
        Judge judge = new Judge();
        Requests.serve((verb, args, answer) -> {
            switch (verb) {
                case "validate" -> validate(args.get(0), args.get(1), args.get(2), answer);
                case "trust" -> judge.trust(args);
                case "judge" -> judge.judge(args.get(0), args.get(1), Long.parseLong(args.get(2)), Boolean.parseBoolean(args.get(3)), answer);
                case "rate" -> judge.rate(args.get(0), args.get(1), Long.parseLong(args.get(2)), Boolean.parseBoolean(args.get(3)), Long.parseLong(args.get(4)), answer);
                default -> throw new IllegalArgumentException("unknown verb " + verb);
            }
        });
    }

    /** Its type, and what is wrong with it, if anything. */
    private static String timestamp(TimestampWrapper t) {
        StringBuilder b = new StringBuilder(t.getType().toString());
        if (!t.isMessageImprintDataFound()) {
            b.append(" imprint-not-found");
        } else if (!t.isMessageImprintDataIntact()) {
            b.append(" imprint-not-intact");
        }
        if (!t.isSignatureIntact() || !t.isSignatureValid()) {
            b.append(" signature-not-intact");
        }
        if (!t.isSigningCertificateReferencePresent()) {
            b.append(" not-bound");
        }
        return b.toString();
    }

    private static void validate(String path, String contentPath, String rootPath, Requests.Answer answer) {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(new File(rootPath)));
        CommonCertificateVerifier verifier = new CommonCertificateVerifier(); // has no sources beyond the message
        verifier.setTrustedCertSources(trusted);
        CMSDocumentValidator validator = new CMSDocumentValidator(new FileDocument(path));
        validator.setCertificateVerifier(verifier);
        if (!contentPath.isEmpty()) {
            validator.setDetachedContents(List.<DSSDocument>of(new FileDocument(contentPath)));
        }
        Reports reports = validator.validateDocument();
        DiagnosticData data = reports.getDiagnosticData();
        SimpleReport simple = reports.getSimpleReport();
        answer.put("signatures", data.getSignatures().size());
        int i = 0;
        for (SignatureWrapper s : data.getSignatures()) {
            String at = i++ + ".";
            answer.put(at + "format", s.getSignatureFormat());
            answer.put(at + "intact", s.isSignatureIntact() && s.isSignatureValid());
            answer.put(at + "structure", s.isStructuralValidationValid());
            answer.put(at + "structure.messages", String.join("; ", s.getStructuralValidationMessages()));
            answer.put(at + "chain", s.isTrustedChain());
            answer.put(at + "identified", s.isSigningCertificateReferencePresent() && s.isSigningCertificateReferenceUnique());
            answer.put(at + "indication", simple.getIndication(s.getId()));
            answer.put(at + "subindication", simple.getSubIndication(s.getId()));
            answer.put(at + "errors", simple.getAdESValidationErrors(s.getId()).stream().map(Message::getValue).collect(Collectors.joining(" ")));
            answer.put(at + "policy", s.getPolicyId());
            answer.put(at + "commitments", s.getCommitmentTypeIndications().stream().map(XmlCommitmentTypeIndication::getIdentifier).collect(Collectors.joining("|")));
            answer.put(at + "country", s.getCountryName());
            answer.put(at + "locality", s.getCity());
            answer.put(at + "roles", s.getClaimedRoles().stream().map(XmlSignerRole::getRole).collect(Collectors.joining("|")));
            answer.put(at + "mime", s.getMimeType());
            answer.put(at + "hints", s.getContentHints());
            answer.put(at + "identifier", s.getContentIdentifier());
            answer.put(at + "timestamps", s.getTimestampList().stream().map(Main::timestamp).collect(Collectors.joining("|")));
        }
    }
}

package signet;

import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.pades.validation.PDFDocumentValidator;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.File;
import java.io.PrintStream;
import java.util.Arrays;

/** Validates signed PDF documents with the reference implementation of the European Commission: a root, then documents. */
public final class Main {
    private Main() {
    }

    public static void main(String[] args) {
        PrintStream out = System.out;
        System.setOut(System.err); // what libraries print is no answer
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(new File(args[0])));
        for (String path : Arrays.asList(args).subList(1, args.length)) {
            CommonCertificateVerifier verifier = new CommonCertificateVerifier(); // has no sources beyond the document
            verifier.setTrustedCertSources(trusted);
            PDFDocumentValidator validator = new PDFDocumentValidator(new FileDocument(path));
            validator.setCertificateVerifier(verifier);
            Reports reports = validator.validateDocument();
            DiagnosticData data = reports.getDiagnosticData();
            SimpleReport simple = reports.getSimpleReport();
            for (SignatureWrapper s : data.getSignatures()) {
                out.printf("%s signature %s intact=%b chain=%b range=%b structure=%b changed=%b %s%n", new File(path).getName(), s.getSignatureFormat(),
                    s.isSignatureIntact() && s.isSignatureValid(), s.isTrustedChain(), s.getPDFRevision() != null && s.isSignatureByteRangeValid(),
                    s.isStructuralValidationValid(), !s.getPdfUndefinedChanges().isEmpty(), simple.getIndication(s.getId()));
            }
            for (TimestampWrapper t : data.getTimestampList()) {
                out.printf("%s time-stamp %s intact=%b%n", new File(path).getName(), t.getType(),
                    t.isMessageImprintDataIntact() && t.isSignatureIntact() && t.isSignatureValid());
            }
        }
        out.println("end");
    }
}

package signet.interop;

import eu.europa.esig.dss.cades.validation.CMSDocumentValidator;
import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.policy.ValidationPolicy;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.policy.ValidationPolicyLoader;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The verdict of DSS on many messages of one world: with its default policy but for what is said at {@link #policy}, at a time that
 * is given, and with nothing but what is in the message.
 */
final class Judge {
    private final Map<Boolean, ValidationPolicy> policies = new HashMap<>();
    private CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();

    void trust(List<String> paths) {
        trusted = new CommonTrustedCertificateSource();
        paths.forEach(p -> trusted.addCertificate(DSSUtils.loadCertificate(new File(p))));
    }

    /**
     * The policy that is built in, with these differences, which are the defaults of the other side. Revocation values of
     * authorities count as much when it is a time-stamp or a revocation value that they are of, where DSS only warns; or, without
     * values, none are asked for. An ats-hash-index that lists what is not there is invalid (EN 319 122-1 section 5.5.2), where
     * DSS only warns.
     */
    private ValidationPolicy policy(boolean values) throws Exception {
        ValidationPolicy known = policies.get(values);
        if (known != null) {
            return known;
        }
        String xml;
        try (InputStream in = ValidationPolicy.class.getResourceAsStream("/policy/constraint.xml")) {
            xml = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        for (String rule : new String[] {"RevocationDataAvailable", "AcceptableRevocationDataFound"}) {
            xml = xml.replaceAll("<" + rule + " Level=\"[A-Z]+\"", "<" + rule + " Level=\"" + (values ? "FAIL" : "IGNORE") + "\"");
        }
        xml = xml.replace("<AtsHashIndex Level=\"WARN\" />", "<AtsHashIndex Level=\"FAIL\" />");
        known = ValidationPolicyLoader.fromValidationPolicy(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8))).create();
        policies.put(values, known);
        return known;
    }

    private Reports reports(byte[] message, byte[] content, Date at, boolean values) throws Exception {
        CommonCertificateVerifier verifier = new CommonCertificateVerifier(); // has no sources beyond the message
        verifier.setTrustedCertSources(trusted);
        CMSDocumentValidator validator = new CMSDocumentValidator(new InMemoryDocument(message));
        validator.setCertificateVerifier(verifier);
        validator.setValidationTime(at);
        validator.setEnableEtsiValidationReport(false);
        if (content != null) {
            validator.setDetachedContents(List.<DSSDocument>of(new InMemoryDocument(content)));
        }
        return validator.validateDocument(policy(values));
    }

    private static byte[] read(String path) throws Exception {
        return path.isEmpty() ? null : Files.readAllBytes(Path.of(path));
    }

    /** Of each signature: the indication, the sub-indication and what is against it. Counter-signatures stand behind the others. */
    void judge(String path, String content, long at, boolean values, Requests.Answer answer) throws Exception {
        Reports reports = reports(read(path), read(content), new Date(at), values);
        DiagnosticData data = reports.getDiagnosticData();
        SimpleReport simple = reports.getSimpleReport();
        List<SignatureWrapper> all = new ArrayList<>(data.getSignatures());
        all.sort((a, b) -> Boolean.compare(a.isCounterSignature(), b.isCounterSignature()));
        answer.put("signatures", all.size());
        int i = 0;
        for (SignatureWrapper s : all) {
            String p = i++ + ".";
            answer.put(p + "counter", s.isCounterSignature());
            answer.put(p + "indication", simple.getIndication(s.getId()));
            answer.put(p + "sub", simple.getSubIndication(s.getId()));
            answer.put(p + "best", simple.getBestSignatureTime(s.getId()) == null ? 0 : simple.getBestSignatureTime(s.getId()).getTime());
            answer.put(p + "errors", simple.getAdESValidationErrors(s.getId()).stream().map(Message::getValue).collect(Collectors.joining(" ")));
        }
    }

    /** How many times the file was judged in a number of milliseconds, and how long that took in microseconds. */
    void rate(String path, String content, long at, boolean values, long millis, Requests.Answer answer) throws Exception {
        byte[] message = read(path);
        byte[] detached = read(content);
        long begun = System.nanoTime();
        long n = 0;
        for (; System.nanoTime() - begun < millis * 1_000_000; n++) {
            Reports r = reports(message, detached, new Date(at), values);
            if (r.getSimpleReport().getValidSignaturesCount() == 0) {
                throw new IllegalStateException("not valid");
            }
        }
        answer.put("count", n);
        answer.put("micros", (System.nanoTime() - begun) / 1000);
    }
}

package signet.interop;

import eu.europa.esig.dss.asic.cades.ASiCWithCAdESSignatureParameters;
import eu.europa.esig.dss.asic.cades.signature.ASiCWithCAdESService;
import eu.europa.esig.dss.asic.cades.validation.ASiCContainerWithCAdESValidator;
import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.enumerations.ASiCContainerType;
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** Makes and validates containers of EN 319 162-1 with the reference implementation of the European Commission. */
public final class Main {
    private final ASiCWithCAdESService service = new ASiCWithCAdESService(new CommonCertificateVerifier());
    private ASiCWithCAdESSignatureParameters parameters;
    private List<DSSDocument> documents;

    private Main() {
    }

    public static void main(String[] argv) throws Exception {
        Main main = new Main();
        Requests.serve((verb, args, answer) -> {
            switch (verb) {
                case "validate" -> validate(args.get(0), args.get(1), answer);
                case "prepare" -> main.prepare(args, answer);
                case "finish" -> main.finish(args.get(0), args.get(1));
                default -> throw new IllegalArgumentException("unknown verb " + verb);
            }
        });
    }

    /** Arguments: the kind, certificates with the signer's first, and after an empty one the files. The answer is what is signed. */
    private void prepare(List<String> args, Requests.Answer answer) throws Exception {
        int end = args.indexOf("");
        parameters = new ASiCWithCAdESSignatureParameters();
        parameters.aSiC().setContainerType(args.get(0).equals("S") ? ASiCContainerType.ASiC_S : ASiCContainerType.ASiC_E);
        parameters.setSignatureLevel(SignatureLevel.CAdES_BASELINE_B);
        parameters.setDigestAlgorithm(DigestAlgorithm.SHA256);
        parameters.setSigningCertificate(DSSUtils.loadCertificate(new File(args.get(1))));
        for (String c : args.subList(1, end)) {
            parameters.getCertificateChain().add(DSSUtils.loadCertificate(new File(c)));
        }
        documents = new ArrayList<>();
        for (String f : args.subList(end + 1, args.size())) {
            documents.add(new InMemoryDocument(Files.readAllBytes(Path.of(f)), Path.of(f).getFileName().toString()));
        }
        answer.put("tbs", HexFormat.of().formatHex(service.getDataToSign(documents, parameters).getBytes()));
    }

    private void finish(String signature, String out) throws Exception {
        SignatureValue value = new SignatureValue(SignatureAlgorithm.ECDSA_SHA256, HexFormat.of().parseHex(signature));
        service.signDocument(documents, parameters, value).save(out);
    }

    private static void validate(String path, String root, Requests.Answer answer) {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(new File(root)));
        CommonCertificateVerifier verifier = new CommonCertificateVerifier(); // has no sources beyond the message
        verifier.setTrustedCertSources(trusted);
        ASiCContainerWithCAdESValidator validator = new ASiCContainerWithCAdESValidator(new FileDocument(path));
        validator.setCertificateVerifier(verifier);
        Reports reports = validator.validateDocument();
        DiagnosticData data = reports.getDiagnosticData();
        SimpleReport simple = reports.getSimpleReport();
        answer.put("type", data.getContainerInfo().getContainerType());
        answer.put("zip-comment", data.getContainerInfo().getZipComment());
        answer.put("mimetype", data.getContainerInfo().getMimeTypeContent());
        answer.put("files", String.join("|", data.getContainerInfo().getContentFiles()));
        answer.put("signatures", data.getSignatures().size());
        int i = 0;
        for (SignatureWrapper s : data.getSignatures()) {
            String at = i++ + ".";
            answer.put(at + "format", s.getSignatureFormat());
            answer.put(at + "intact", s.isSignatureIntact() && s.isSignatureValid());
            answer.put(at + "chain", s.isTrustedChain());
            answer.put(at + "scopes", s.getSignatureScopes().stream().map(x -> x.getName()).sorted().collect(Collectors.joining("|")));
            answer.put(at + "indication", simple.getIndication(s.getId()));
            answer.put(at + "errors", simple.getAdESValidationErrors(s.getId()).stream().map(Message::getValue).collect(Collectors.joining(" ")));
        }
    }
}

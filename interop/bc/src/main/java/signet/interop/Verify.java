package signet.interop;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1Set;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.SignedData;
import org.bouncycastle.asn1.cms.SignerInfo;
import org.bouncycastle.asn1.ess.ESSCertIDv2;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.IssuerSerial;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSProcessableFile;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;

/** Checks a message: the mathematics, the ESS binding, the order of the attributes, and the path to a root. */
final class Verify {
    private Verify() {
    }

    static void message(String path, String contentPath, String rootPath, Requests.Answer answer) throws Exception {
        byte[] message = Files.readAllBytes(Path.of(path));
        CMSSignedData data = contentPath.isEmpty()
                ? new CMSSignedData(message)
                : new CMSSignedData(new CMSProcessableFile(new File(contentPath)), message);
        X509CertificateHolder root = Pem.certificates(rootPath).get(0);
        int count = 0;
        for (SignerInformation signer : data.getSignerInfos()) {
            signer(data, signer, root);
            count++;
        }
        attributesInOrder(message);
        answer.put("signers", count);
        answer.put("version", data.getVersion());
        answer.put("detached", data.isDetachedSignature());
    }

    private static void signer(CMSSignedData data, SignerInformation signer, X509CertificateHolder root) throws Exception {
        Collection<X509CertificateHolder> found = data.getCertificates().getMatches(signer.getSID());
        require(found.size() == 1, found.size() + " certificates match the signer identifier");
        X509CertificateHolder certificate = found.iterator().next();
        // Checks message-digest, content-type, CMSAlgorithmProtection and the signature value.
        require(signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate)), "the signature does not verify");
        if (signer.getSignedAttributes() == null) {
            return;
        }
        Attribute bound = signer.getSignedAttributes().get(PKCSObjectIdentifiers.id_aa_signingCertificateV2);
        if (bound != null) {
            binding(SigningCertificateV2.getInstance(bound.getAttrValues().getObjectAt(0)), certificate);
            require(signer.getSignedAttributes().get(CMSAttributes.signingTime) != null, "no signing-time");
        }
        path(data, certificate, root);
    }

    private static void binding(SigningCertificateV2 attribute, X509CertificateHolder certificate) throws Exception {
        ESSCertIDv2 id = attribute.getCerts()[0];
        byte[] hash = MessageDigest.getInstance(id.getHashAlgorithm().getAlgorithm().getId(), "BC").digest(certificate.getEncoded());
        require(Arrays.equals(hash, id.getCertHash()), "signing-certificate-v2 names another certificate");
        IssuerSerial serial = id.getIssuerSerial();
        if (serial != null) {
            require(serial.getSerial().getValue().equals(certificate.getSerialNumber()), "signing-certificate-v2 has another serial number");
            X500Name issuer = X500Name.getInstance(serial.getIssuer().getNames()[0].getName());
            require(issuer.equals(certificate.getIssuer()), "signing-certificate-v2 has another issuer");
        }
    }

    /** Compares the signed attributes as received with their DER. */
    private static void attributesInOrder(byte[] message) throws Exception {
        SignedData data = SignedData.getInstance(ContentInfo.getInstance(message).getContent());
        for (int i = 0; i < data.getSignerInfos().size(); i++) {
            ASN1Set attributes = SignerInfo.getInstance(data.getSignerInfos().getObjectAt(i)).getAuthenticatedAttributes();
            if (attributes != null) {
                require(Arrays.equals(attributes.getEncoded(ASN1Encoding.DL), attributes.getEncoded(ASN1Encoding.DER)),
                        "the signed attributes are not in the order of DER");
            }
        }
    }

    private static void path(CMSSignedData data, X509CertificateHolder certificate, X509CertificateHolder root) throws Exception {
        JcaX509CertificateConverter converter = new JcaX509CertificateConverter().setProvider("BC");
        List<X509Certificate> all = new ArrayList<>();
        for (X509CertificateHolder c : data.getCertificates().getMatches(null)) {
            all.add(converter.getCertificate(c));
        }
        X509CertSelector target = new X509CertSelector();
        target.setCertificate(converter.getCertificate(certificate));
        PKIXBuilderParameters parameters = new PKIXBuilderParameters(
                Set.of(new TrustAnchor(converter.getCertificate(root), null)), target);
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(all), "BC"));
        parameters.setRevocationEnabled(false);
        CertPathBuilder.getInstance("PKIX", "BC").build(parameters);
    }

    private static void require(boolean condition, String problem) {
        if (!condition) {
            throw new IllegalStateException(problem);
        }
    }
}

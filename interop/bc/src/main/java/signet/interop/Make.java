package signet.interop;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERIA5String;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.esf.CommitmentTypeIndication;
import org.bouncycastle.asn1.esf.OtherHashAlgAndValue;
import org.bouncycastle.asn1.esf.SigPolicyQualifierInfo;
import org.bouncycastle.asn1.esf.SigPolicyQualifiers;
import org.bouncycastle.asn1.esf.SignaturePolicyId;
import org.bouncycastle.asn1.esf.SignaturePolicyIdentifier;
import org.bouncycastle.asn1.esf.SignerLocation;
import org.bouncycastle.asn1.ess.ESSCertIDv2;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.SubjectKeyIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.CMSSignedDataStreamGenerator;
import org.bouncycastle.cms.CMSSignedGenerator;
import org.bouncycastle.cms.DefaultSignedAttributeTableGenerator;
import org.bouncycastle.cms.SignerInfoGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.SignerInformationStore;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.util.CollectionStore;

/** Makes messages. Flags are words separated by commas: attached, ber, ski, bes, epes, bare. */
final class Make {
    private Make() {
    }

    static void sign(String out, String keyPath, String chainPath, String contentPath, String algorithm, String flagList) throws Exception {
        Set<String> flags = Set.of(flagList.split(","));
        byte[] content = Files.readAllBytes(Path.of(contentPath));
        if (flags.contains("ber")) {
            CMSSignedDataStreamGenerator generator = new CMSSignedDataStreamGenerator();
            generator.setBufferSize(1000); // so that the content comes in segments
            prepare(generator, keyPath, chainPath, algorithm, flags);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (OutputStream o = generator.open(bytes, flags.contains("attached"))) {
                o.write(content);
            }
            Files.write(Path.of(out), bytes.toByteArray());
            return;
        }
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        prepare(generator, keyPath, chainPath, algorithm, flags);
        CMSSignedData data = generator.generate(new CMSProcessableByteArray(content), flags.contains("attached"));
        Files.write(Path.of(out), data.getEncoded("DER"));
    }

    /** Adds a signer to a message. */
    static void add(String in, String out, String keyPath, String chainPath, String contentPath, String algorithm) throws Exception {
        byte[] content = Files.readAllBytes(Path.of(contentPath));
        CMSSignedData old = new CMSSignedData(Files.readAllBytes(Path.of(in)));
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSigners(old.getSignerInfos());
        generator.addCertificates(old.getCertificates());
        prepare(generator, keyPath, chainPath, algorithm, Set.of("bes"));
        CMSSignedData data = generator.generate(new CMSProcessableByteArray(content), !old.isDetachedSignature());
        Files.write(Path.of(out), data.getEncoded("DER"));
    }

    /** Puts a counter-signature on the first signature of a message. */
    static void countersign(String in, String out, String keyPath, String chainPath, String algorithm) throws Exception {
        CMSSignedData old = new CMSSignedData(Files.readAllBytes(Path.of(in)));
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        prepare(generator, keyPath, chainPath, algorithm, Set.of("bes"));
        List<SignerInformation> signers = new ArrayList<>(old.getSignerInfos().getSigners());
        SignerInformation first = signers.get(0);
        signers.set(0, SignerInformation.addCounterSigners(first, generator.generateCounterSigners(first)));
        CMSSignedData signed = CMSSignedData.replaceSigners(old, new SignerInformationStore(signers));
        List<X509CertificateHolder> certificates = new ArrayList<>(old.getCertificates().getMatches(null));
        for (X509CertificateHolder c : Pem.certificates(chainPath)) {
            if (!certificates.contains(c)) {
                certificates.add(c);
            }
        }
        signed = CMSSignedData.replaceCertificatesAndCRLs(signed, new CollectionStore<>(certificates), old.getAttributeCertificates(), old.getCRLs());
        Files.write(Path.of(out), signed.getEncoded());
    }

    private static void prepare(CMSSignedGenerator generator, String keyPath, String chainPath, String algorithm, Set<String> flags) throws Exception {
        List<X509CertificateHolder> chain = Pem.certificates(chainPath);
        X509CertificateHolder certificate = chain.get(0);
        ContentSigner signer = new JcaContentSignerBuilder(algorithm).setProvider("BC").build(Pem.key(keyPath));
        JcaSignerInfoGeneratorBuilder builder = new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().setProvider("BC").build());
        if (flags.contains("bare")) {
            builder.setDirectSignature(true);
        } else {
            builder.setSignedAttributeGenerator(new DefaultSignedAttributeTableGenerator(attributes(certificate, flags)));
        }
        SignerInfoGenerator info;
        if (flags.contains("ski")) {
            SubjectKeyIdentifier id = SubjectKeyIdentifier.fromExtensions(certificate.getExtensions());
            info = builder.build(signer, id.getKeyIdentifier());
        } else {
            info = builder.build(signer, certificate);
        }
        generator.addSignerInfoGenerator(info);
        for (X509CertificateHolder c : chain) {
            generator.addCertificate(c);
        }
    }

    private static AttributeTable attributes(X509CertificateHolder certificate, Set<String> flags) throws Exception {
        ASN1EncodableVector all = new ASN1EncodableVector();
        if (flags.contains("bes") || flags.contains("epes")) {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded());
            all.add(new Attribute(PKCSObjectIdentifiers.id_aa_signingCertificateV2, new DERSet(new SigningCertificateV2(new ESSCertIDv2(hash)))));
        }
        if (flags.contains("epes")) {
            ASN1ObjectIdentifier policy = new ASN1ObjectIdentifier("1.3.6.1.4.1.99999.1");
            OtherHashAlgAndValue hash = new OtherHashAlgAndValue(
                    new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256), new DEROctetString(new byte[32]));
            SigPolicyQualifiers qualifiers = new SigPolicyQualifiers(new SigPolicyQualifierInfo[] {
                new SigPolicyQualifierInfo(PKCSObjectIdentifiers.id_spq_ets_uri, new DERIA5String("https://policy.example/1"))});
            all.add(new Attribute(PKCSObjectIdentifiers.id_aa_ets_sigPolicyId,
                    new DERSet(new SignaturePolicyIdentifier(new SignaturePolicyId(policy, hash, qualifiers)))));
            all.add(new Attribute(PKCSObjectIdentifiers.id_aa_ets_commitmentType,
                    new DERSet(new CommitmentTypeIndication(PKCSObjectIdentifiers.id_cti_ets_proofOfApproval))));
            all.add(new Attribute(PKCSObjectIdentifiers.id_aa_ets_signerLocation,
                    new DERSet(new SignerLocation(new DERUTF8String("NO"), new DERUTF8String("Tromsø"), null))));
        }
        return new AttributeTable(all);
    }
}

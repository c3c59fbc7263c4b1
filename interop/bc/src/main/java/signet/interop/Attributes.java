package signet.interop;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1IA5String;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1String;
import org.bouncycastle.asn1.ASN1UTF8String;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.esf.CommitmentTypeIndication;
import org.bouncycastle.asn1.esf.SPUserNotice;
import org.bouncycastle.asn1.esf.SPuri;
import org.bouncycastle.asn1.esf.SigPolicyQualifierInfo;
import org.bouncycastle.asn1.esf.SignaturePolicyId;
import org.bouncycastle.asn1.esf.SignaturePolicyIdentifier;
import org.bouncycastle.asn1.esf.SignerAttribute;
import org.bouncycastle.asn1.esf.SignerLocation;
import org.bouncycastle.asn1.ess.ContentHints;
import org.bouncycastle.asn1.ess.ContentIdentifier;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;

/** Parses the signed attributes of CAdES by the classes of packages asn1.esf and asn1.ess. */
final class Attributes {
    private static final String SIGNER_ATTRIBUTES_V2 = "0.4.0.19122.1.1";
    private static final String SP_DOC_SPECIFICATION = "0.4.0.19122.2.1";
    private static final String MIME_TYPE = "0.4.0.1733.2.1";

    private Attributes() {
    }

    static void message(String path, Requests.Answer answer) throws Exception {
        CMSSignedData data = new CMSSignedData(Files.readAllBytes(Path.of(path)));
        SignerInformation signer = data.getSignerInfos().iterator().next();
        List<String> commitments = new ArrayList<>();
        for (Attribute a : signer.getSignedAttributes().toASN1Structure().getAttributes()) {
            ASN1ObjectIdentifier type = a.getAttrType();
            ASN1Encodable value = a.getAttrValues().getObjectAt(0);
            if (type.equals(PKCSObjectIdentifiers.id_aa_ets_sigPolicyId)) {
                policy(SignaturePolicyIdentifier.getInstance(value), answer);
            } else if (type.equals(PKCSObjectIdentifiers.id_aa_ets_commitmentType)) {
                commitments.add(CommitmentTypeIndication.getInstance(value).getCommitmentTypeId().getId());
            } else if (type.equals(PKCSObjectIdentifiers.id_aa_ets_signerLocation)) {
                location(SignerLocation.getInstance(value), answer);
            } else if (type.getId().equals(SIGNER_ATTRIBUTES_V2)) {
                roles(SignerAttribute.getInstance(value), answer); // claimedAttributes are the same in both versions
            } else if (type.getId().equals(MIME_TYPE)) {
                answer.put("mime", ASN1UTF8String.getInstance(value).getString());
            } else if (type.equals(PKCSObjectIdentifiers.id_aa_contentHint)) {
                ContentHints hints = ContentHints.getInstance(value);
                answer.put("hints.type", hints.getContentType().getId());
                answer.put("hints.description", hints.getContentDescriptionUTF8().getString());
            } else if (type.equals(PKCSObjectIdentifiers.id_aa_contentIdentifier)) {
                answer.put("identifier", HexFormat.of().formatHex(ContentIdentifier.getInstance(value).getValue().getOctets()));
            }
        }
        answer.put("commitments", String.join(",", commitments));
    }

    private static void policy(SignaturePolicyIdentifier identifier, Requests.Answer answer) {
        answer.put("policy.implied", identifier.isSignaturePolicyImplied());
        if (identifier.isSignaturePolicyImplied()) {
            return;
        }
        SignaturePolicyId id = identifier.getSignaturePolicyId();
        answer.put("policy.oid", id.getSigPolicyId().getId());
        answer.put("policy.hash", id.getSigPolicyHash().getHashAlgorithm().getAlgorithm().getId());
        answer.put("policy.digest", HexFormat.of().formatHex(id.getSigPolicyHash().getHashValue().getOctets()));
        if (id.getSigPolicyQualifiers() == null) {
            return;
        }
        for (int i = 0; i < id.getSigPolicyQualifiers().size(); i++) {
            SigPolicyQualifierInfo q = id.getSigPolicyQualifiers().getInfoAt(i);
            if (q.getSigPolicyQualifierId().equals(PKCSObjectIdentifiers.id_spq_ets_uri)) {
                answer.put("policy.uri", SPuri.getInstance(q.getSigQualifier()).getUriIA5().getString());
            } else if (q.getSigPolicyQualifierId().equals(PKCSObjectIdentifiers.id_spq_ets_unotice)) {
                SPUserNotice notice = SPUserNotice.getInstance(q.getSigQualifier());
                answer.put("policy.text", notice.getExplicitText().getString());
                answer.put("policy.organization", notice.getNoticeRef().getOrganization().getString());
                List<String> numbers = new ArrayList<>();
                for (var n : notice.getNoticeRef().getNoticeNumbers()) {
                    numbers.add(n.getValue().toString());
                }
                answer.put("policy.numbers", String.join(",", numbers));
            } else if (q.getSigPolicyQualifierId().getId().equals(SP_DOC_SPECIFICATION)) {
                answer.put("policy.specification", q.getSigQualifier() instanceof ASN1ObjectIdentifier oid
                        ? oid.getId() : ASN1IA5String.getInstance(q.getSigQualifier()).getString());
            }
        }
    }

    private static void location(SignerLocation location, Requests.Answer answer) {
        answer.put("location.country", location.getCountry().getString());
        answer.put("location.locality", location.getLocality().getString());
        List<String> lines = new ArrayList<>();
        for (ASN1Encodable line : location.getPostalAddress()) {
            lines.add(((ASN1String) line.toASN1Primitive()).getString());
        }
        answer.put("location.postal", String.join("|", lines));
    }

    private static void roles(SignerAttribute attribute, Requests.Answer answer) {
        List<String> roles = new ArrayList<>();
        for (Object part : attribute.getValues()) {
            for (org.bouncycastle.asn1.x509.Attribute a : (org.bouncycastle.asn1.x509.Attribute[]) part) {
                roles.add(((ASN1String) a.getAttrValues().getObjectAt(0).toASN1Primitive()).getString());
            }
        }
        answer.put("roles", String.join("|", roles));
    }
}

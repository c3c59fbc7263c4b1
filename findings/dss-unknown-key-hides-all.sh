#!/usr/bin/env bash
# eu.europa.ec.joinup.sd-dss:dss-cades 6.5, CMSDocumentValidator.validateDocument, of a message with two signatures: one by ECDSA, and one
# by ML-DSA, which this release does not know, whose certificate an ECDSA authority signed.
#
# Expected: a report with a verdict on each, as for other algorithms that are not known: the one by ECDSA is intact and its certificate
# chains to the trusted root, the other is INDETERMINATE.
# Seen: "java.lang.IllegalArgumentException: Unsupported algorithm: ML-DSA-65", and no report, so that nothing is said of the ECDSA
# signature either. Without the second signature it is intact. When the certificate of the ML-DSA key is signed by ML-DSA, too, there is a
# report, and as expected.
#
# Seen with Java 17, and OpenSSL 3.5 of Debian 13, which is unpacked into the folder. Fails when there is a report.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir -p apt/lists/partial apt/cache/archives/partial
: >apt/status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >apt/sources.list
apt=(apt-get -qq -o Dir::State="$dir/apt" -o Dir::State::status="$dir/apt/status" -o Dir::Cache="$dir/apt/cache"
  -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null)
"${apt[@]}" update >/dev/null 2>&1
"${apt[@]}" download openssl libssl3t64 libc6 libzstd1 zlib1g >/dev/null 2>&1
for p in ./*.deb; do dpkg-deb -x "$p" root; done
libraries=$(echo "$dir"/root/usr/lib/*-linux-gnu)
openssl() { OPENSSL_CONF="$dir/openssl.cnf" "$libraries"/ld-linux-*.so.* --library-path "$libraries" "$dir/root/usr/bin/openssl" "$@" 2>/dev/null; }
printf '[req]\ndistinguished_name=name\n[name]\n' >openssl.cnf

for name in root signer; do openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key; done
openssl genpkey -algorithm ML-DSA-65 -out quantum.key
openssl req -x509 -new -key root.key -subj /CN=root -days 365 -out root.pem
for name in signer quantum; do
  openssl req -new -key $name.key -subj /CN=$name -out $name.csr
  openssl x509 -req -in $name.csr -CA root.pem -CAkey root.key -CAcreateserial -days 365 -out $name.pem
done
echo content >content
sign=(cms -sign -cades -binary -nodetach -md sha512 -in content -outform DER -signer signer.pem -inkey signer.key)
openssl "${sign[@]}" -out one.p7m
openssl "${sign[@]}" -signer quantum.pem -inkey quantum.key -out both.p7m

cat >pom.xml <<'END'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId><artifactId>hides</artifactId><version>1</version>
  <dependencies>
DEPENDENCIES
  </dependencies>
</project>
END
for a in cades validation policy-jaxb utils-apache-commons crl-parser-stream cms-object; do
  echo "    <dependency><groupId>eu.europa.ec.joinup.sd-dss</groupId><artifactId>dss-$a</artifactId><version>6.5</version></dependency>"
done >dependencies
sed -i -e '/DEPENDENCIES/{r dependencies' -e 'd}' pom.xml
mvn -q -B -ntp dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime >/dev/null
cat >Hides.java <<'END'
import eu.europa.esig.dss.cades.validation.CMSDocumentValidator;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import java.io.File;

public class Hides {
    public static void main(String[] paths) {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(new File("root.pem")));
        boolean report = false;
        for (String path : paths) {
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(trusted);
            CMSDocumentValidator validator = new CMSDocumentValidator(new FileDocument(path));
            validator.setCertificateVerifier(verifier);
            try {
                var signatures = validator.validateDocument().getDiagnosticData().getSignatures();
                signatures.forEach(s -> System.out.println(path + ": intact " + s.isSignatureIntact() + ", chain to the root " + s.isTrustedChain()));
                report = true;
            } catch (IllegalArgumentException e) {
                System.out.println(path + ": no report: " + e);
                report = false;
            }
        }
        System.exit(report ? 1 : 0);
    }
}
END
java -cp "lib/*" Hides.java one.p7m both.p7m 2>/dev/null

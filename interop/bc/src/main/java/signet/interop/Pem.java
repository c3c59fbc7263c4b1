package signet.interop;

import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

final class Pem {
    private Pem() {
    }

    static PrivateKey key(String path) throws Exception {
        try (Reader r = Files.newBufferedReader(Path.of(path)); PEMParser parser = new PEMParser(r)) {
            return new JcaPEMKeyConverter().setProvider("BC").getPrivateKey((PrivateKeyInfo) parser.readObject());
        }
    }

    static List<X509CertificateHolder> certificates(String path) throws Exception {
        List<X509CertificateHolder> all = new ArrayList<>();
        try (Reader r = Files.newBufferedReader(Path.of(path)); PEMParser parser = new PEMParser(r)) {
            for (Object o = parser.readObject(); o != null; o = parser.readObject()) {
                all.add((X509CertificateHolder) o);
            }
        }
        return all;
    }
}

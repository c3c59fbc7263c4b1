package signet.interop;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import org.bouncycastle.jcajce.spec.GOST3410ParameterSpec;

/** Keys of GOST R 34.10-2012 in DER: NAME.key is PKCS #8, NAME.pub a SubjectPublicKeyInfo, NAME.sig a signature over the content. */
final class Keys {
    private static final String KEY = "ECGOST3410-2012";

    private Keys() {
    }

    static void generate(String name, String curve, String contentPath, String algorithm) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(KEY, "BC");
        generator.initialize(new GOST3410ParameterSpec(curve));
        KeyPair pair = generator.generateKeyPair();
        write(name, pair.getPrivate(), pair.getPublic(), contentPath, algorithm);
    }

    /** Reads a key, and says whether the signature beside it is good; then writes the key and a signature of its own under another name. */
    static void read(String name, String other, String contentPath, String algorithm, Requests.Answer answer) throws Exception {
        KeyFactory factory = KeyFactory.getInstance(KEY, "BC");
        PrivateKey key = factory.generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(Path.of(name + ".key"))));
        PublicKey pub = factory.generatePublic(new X509EncodedKeySpec(Files.readAllBytes(Path.of(name + ".pub"))));
        Signature s = Signature.getInstance(algorithm, "BC");
        s.initVerify(pub);
        s.update(Files.readAllBytes(Path.of(contentPath)));
        answer.put("good", s.verify(Files.readAllBytes(Path.of(name + ".sig"))));
        write(other, key, pub, contentPath, algorithm);
    }

    private static void write(String name, PrivateKey key, PublicKey pub, String contentPath, String algorithm) throws Exception {
        Signature s = Signature.getInstance(algorithm, "BC");
        s.initSign(key);
        s.update(Files.readAllBytes(Path.of(contentPath)));
        Files.write(Path.of(name + ".sig"), s.sign());
        Files.write(Path.of(name + ".key"), key.getEncoded());
        Files.write(Path.of(name + ".pub"), pub.getEncoded());
    }
}

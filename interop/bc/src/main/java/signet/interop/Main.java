package signet.interop;

import java.security.Security;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** Reads, checks and writes CMS messages with Bouncy Castle. */
public final class Main {
    private Main() {
    }

    public static void main(String[] argv) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Requests.serve((verb, args, answer) -> {
            switch (verb) {
                case "verify" -> Verify.message(args.get(0), args.get(1), args.get(2), answer);
                case "attributes" -> Attributes.message(args.get(0), answer);
                case "sign" -> Make.sign(args.get(0), args.get(1), args.get(2), args.get(3), args.get(4), args.get(5));
                case "add" -> Make.add(args.get(0), args.get(1), args.get(2), args.get(3), args.get(4), args.get(5));
                case "countersign" -> Make.countersign(args.get(0), args.get(1), args.get(2), args.get(3), args.get(4));
                case "newkey" -> Keys.generate(args.get(0), args.get(1), args.get(2), args.get(3));
                case "readkey" -> Keys.read(args.get(0), args.get(1), args.get(2), args.get(3), answer);
                default -> throw new IllegalArgumentException("unknown verb " + verb);
            }
        });
    }
}

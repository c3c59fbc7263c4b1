package signet.interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * The conversation with the tests: a request is a line of a verb and its arguments, separated by tabs; the answer is a
 * line that begins with "ok" or "error". A process that answers many requests costs one start of the virtual machine.
 */
final class Requests {
    interface Handler {
        void handle(String verb, List<String> args, Answer answer) throws Exception;
    }

    /** What is found out, as names and values in the order in which it is found out. */
    static final class Answer {
        private final StringBuilder line = new StringBuilder("ok");

        void put(String name, Object value) {
            line.append('\t').append(name).append('=').append(escape(String.valueOf(value)));
        }
    }

    private Requests() {
    }

    static void serve(Handler handler) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err); // what libraries print is no answer
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> words = Arrays.asList(line.split("\t", -1));
            Answer answer = new Answer();
            try {
                handler.handle(words.get(0), words.subList(1, words.size()), answer);
                out.println(answer.line);
            } catch (Exception | Error e) {
                out.println("error\t" + escape(e.toString() + (e.getCause() == null ? "" : ": " + e.getCause())));
            }
        }
    }

    private static String escape(String s) {
        return URLEncoder.encode(s, StandardCharsets.UTF_8);
    }
}

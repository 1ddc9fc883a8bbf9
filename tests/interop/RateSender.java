import java.io.BufferedWriter;
import java.io.OutputStreamWriter;
import java.net.Socket;

/** Sends one measured run through a buffered writer: RateSender HOST PORT TOTAL SIZE kept|reopened. */
public class RateSender {
    public static void main(String[] arguments) throws Exception {
        String host = arguments[0];
        int port = Integer.parseInt(arguments[1]);
        int total = Integer.parseInt(arguments[2]);
        int size = Integer.parseInt(arguments[3]);
        long started = System.nanoTime();
        if (arguments[4].equals("kept")) {
            kept(host, port, total / size, size);
        } else {
            reopened(host, port, total / size, size);
        }
        System.out.println((System.nanoTime() - started) / 1e9);
    }

    static void kept(String host, int port, int chunks, int size) throws Exception {
        Socket socket = new Socket(host, port);
        socket.setTcpNoDelay(true);
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(socket.getOutputStream()));
        for (int chunk = 0; chunk < chunks; chunk++) {
            out.write("X".repeat(size));
        }
        out.write("\n");
        out.flush();
        socket.close();
    }

    static void reopened(String host, int port, int chunks, int size) throws Exception {
        for (int chunk = 0; chunk < chunks; chunk++) {
            Socket socket = new Socket(host, port);
            BufferedWriter out = new BufferedWriter(new OutputStreamWriter(socket.getOutputStream()));
            out.write("X".repeat(size - 1) + "Y");
            if (chunk == chunks - 1) {
                out.write("\n");
            }
            out.flush();
            socket.close();
        }
    }
}

import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/**
 * Measures one run: RateReceiver PORT.
 *
 * <p>Every read counts as a chunk. A chunk that ends in Y closes its connection, one that ends in a
 * newline ends the run.
 */
public class RateReceiver {
    public static void main(String[] arguments) throws Exception {
        ServerSocket server = new ServerSocket(Integer.parseInt(arguments[0]), 5, InetAddress.getByName("127.0.0.1"));
        System.out.println("ready");
        byte[] buffer = new byte[4096];
        long count = 0;
        long chunks = 0;
        long connections = 0;
        long started = 0;
        boolean over = false;
        while (!over) {
            Socket connection = server.accept();
            if (connections++ == 0) {
                started = System.nanoTime();
            }
            InputStream in = connection.getInputStream();
            int length;
            while ((length = in.read(buffer)) > 0) {
                count += length;
                chunks++;
                over = buffer[length - 1] == '\n';
                if (over || buffer[length - 1] == 'Y') {
                    break;
                }
            }
            connection.close();
        }
        System.out.println(count + " " + chunks + " " + connections + " " + (System.nanoTime() - started) / 1e9);
    }
}

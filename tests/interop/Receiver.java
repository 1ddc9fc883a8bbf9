import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** Accepts one connection, reads one line, and ends: Receiver PORT. */
public class Receiver {
    public static void main(String[] arguments) throws Exception {
        ServerSocket server = new ServerSocket(Integer.parseInt(arguments[0]), 5, InetAddress.getByName("127.0.0.1"));
        System.out.println("ready");
        Socket connection = server.accept();
        BufferedReader in = new BufferedReader(new InputStreamReader(connection.getInputStream()));
        String line = in.readLine();
        connection.close();
        System.out.println((line.length() + 1) + " " + line.substring(0, Math.min(40, line.length())));
    }
}

import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Connects, sends one message, and closes: SimpleSender HOST PORT MESSAGE.
 *
 * <p>A message "bytes:N" stands for N bytes that end in a newline. Any other is sent as it is, without
 * a newline.
 */
public class SimpleSender {
    public static void main(String[] arguments) throws Exception {
        String message = arguments[2];
        byte[] data;
        if (message.startsWith("bytes:")) {
            data = new byte[Integer.parseInt(message.substring(6))];
            Arrays.fill(data, (byte) 'X');
            data[data.length - 1] = '\n';
        } else {
            data = message.getBytes(StandardCharsets.UTF_8);
        }
        Socket socket = new Socket(arguments[0], Integer.parseInt(arguments[1]));
        OutputStream out = socket.getOutputStream();
        out.write(data);
        socket.close();
    }
}

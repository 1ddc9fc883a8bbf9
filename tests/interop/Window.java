import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The same window as window.py, without a picture: Window --listen-left PORT --right HOST:PORT ...
 *
 * <p>Options with a value: --listen-left --listen-right --bind --left --right --width --height
 * --speedup --crash-after. Options without a value: --threads --keep --serve. It prints the same
 * lines as window.py; on Linux, System.nanoTime() reads CLOCK_MONOTONIC.
 */
public class Window {
    static final long FRAME_NANOS = 1_000_000_000L / 60;
    /** Without threads: the time between two polls of the listening sockets, in milliseconds. */
    static final long POLL_MILLIS = 10;

    record Arrival(String side, byte[] data) {}

    static final class Ball {
        final int[] n = new int[8];

        Ball(String text) {
            String[] fields = text.split(",", -1);
            if (fields.length != n.length) {
                throw new NumberFormatException("a ball has eight numbers");
            }
            for (int i = 0; i < n.length; i++) {
                n[i] = Integer.parseInt(fields[i].trim());
            }
        }

        @Override
        public String toString() {
            StringBuilder text = new StringBuilder();
            for (int number : n) {
                text.append(text.length() == 0 ? "" : ",").append(number);
            }
            return text.toString();
        }

        /** Moves the ball by one frame. Returns the side by which it is about to leave, or null. */
        String step(int width, int height) {
            n[0] += n[2];
            n[1] += n[3];
            boolean low = n[1] < n[4] && n[3] < 0;
            boolean high = n[1] > height - n[4] && n[3] > 0;
            if (low || high) {
                n[3] = -n[3];
            }
            if (n[0] <= 0 && n[2] < 0) {
                return "left";
            }
            return n[0] >= width && n[2] > 0 ? "right" : null;
        }
    }

    final Map<String, String> options = new HashMap<>();
    final Map<String, ServerSocketChannel> listeners = new HashMap<>();
    final LinkedBlockingQueue<Arrival> arrived = new LinkedBlockingQueue<>();
    final List<Ball> balls = new ArrayList<>();
    final int width;
    final int height;
    int taken = 0;

    Window(String[] arguments) throws IOException {
        List<String> alone = List.of("--threads", "--keep", "--serve");
        for (int i = 0; i < arguments.length; i++) {
            String name = arguments[i];
            options.put(name, alone.contains(name) ? "yes" : arguments[++i]);
        }
        width = number("--width", 800);
        height = number("--height", 600);
        for (String side : List.of("left", "right")) {
            String port = options.get("--listen-" + side);
            if (port != null) {
                String address = options.getOrDefault("--bind", "0.0.0.0");
                ServerSocketChannel listener = ServerSocketChannel.open();
                listener.bind(new InetSocketAddress(address, Integer.parseInt(port)), 5);
                listener.configureBlocking(options.containsKey("--threads"));
                listeners.put(side, listener);
            }
        }
    }

    int number(String name, int otherwise) {
        return Integer.parseInt(options.getOrDefault(name, Integer.toString(otherwise)));
    }

    static void log(String word, String side, Object what) {
        System.out.println((System.nanoTime() + " " + word + " " + side + " " + what).stripTrailing());
    }

    /** Reads once and closes, as the format has it: bytes that arrive later are lost. */
    static Arrival take(String side, SocketChannel connection) throws IOException {
        byte[] buffer = new byte[1024];
        try (connection) {
            int count = Math.max(0, connection.socket().getInputStream().read(buffer));
            return new Arrival(side, java.util.Arrays.copyOf(buffer, count));
        }
    }

    /** With threads: serves one listening socket for ever. */
    void serve(String side, ServerSocketChannel listener) {
        while (true) {
            try {
                arrived.add(take(side, listener.accept()));
            } catch (IOException error) {
                log("garbled", side, error);
            }
        }
    }

    /** Without threads: takes the connections that wait at the listening sockets. */
    void poll() {
        listeners.forEach((side, listener) -> {
            try {
                SocketChannel connection = listener.accept();
                if (connection != null) {
                    arrived.add(take(side, connection));
                }
            } catch (IOException error) {
                log("garbled", side, error);
            }
        });
    }

    void arrive(Arrival arrival) {
        Ball ball;
        try {
            ball = new Ball(new String(arrival.data(), StandardCharsets.US_ASCII));
        } catch (NumberFormatException error) {
            log("garbled", arrival.side(), arrival.data().length + " bytes");
            return;
        }
        ball.n[0] = arrival.side().equals("left") ? 0 : width;
        log("in", arrival.side(), ball);
        taken++;
        if (taken == number("--crash-after", 0)) {
            log("crash", arrival.side(), ball);
            Runtime.getRuntime().halt(1);
        }
        balls.add(ball);
    }

    /** Sends the ball. Returns whether that succeeded; the neighbour may still not have read it. */
    boolean passOn(String side, Ball ball) {
        String address = options.get("--" + side);
        if (address == null || options.containsKey("--keep")) {
            return false;
        }
        int colon = address.lastIndexOf(':');
        int port = Integer.parseInt(address.substring(colon + 1));
        log("send", side, ball);
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address.substring(0, colon), port), 1_000);
            Writer out = new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.US_ASCII);
            out.write(ball.toString());
            out.flush();
        } catch (IOException error) {
            log("refused", side, error.getMessage());
            return false;
        }
        log("out", side, ball);
        return true;
    }

    void frame() {
        balls.removeIf(ball -> {
            String side = ball.step(width, height);
            if (side == null) {
                return false;
            }
            if (passOn(side, ball)) {
                return true;
            }
            ball.n[2] = -ball.n[2];
            log("bounce", side, ball);
            return false;
        });
    }

    void run() throws InterruptedException {
        boolean threads = options.containsKey("--threads");
        if (threads) {
            listeners.forEach((side, listener) -> {
                Thread thread = new Thread(() -> serve(side, listener));
                thread.setDaemon(true);
                thread.start();
            });
        }
        long period = (long) (FRAME_NANOS / Double.parseDouble(options.getOrDefault("--speedup", "1")));
        log("ready", "-", "");
        if (options.containsKey("--serve")) {
            balls.add(new Ball("400,300,4,3,25,0,128,255"));
            log("serve", "-", balls.get(0));
        }
        long due = System.nanoTime();
        while (true) {
            if (!threads) {
                poll();
            }
            long wait = TimeUnit.MILLISECONDS.toNanos(threads ? 1_000 : POLL_MILLIS);
            if (!balls.isEmpty()) {
                wait = Math.max(0, Math.min(wait, due - System.nanoTime()));
            }
            Arrival arrival = arrived.poll(wait, TimeUnit.NANOSECONDS);
            boolean idle = balls.isEmpty();
            while (arrival != null) {
                arrive(arrival);
                arrival = arrived.poll();
            }
            long now = System.nanoTime();
            // Do not make up for frames that were missed without a ball, or while a neighbour did not answer.
            if (idle || now - due > 1_000_000_000L) {
                due = now + period;
            } else if (now >= due) {
                due += period;
                frame();
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        new Window(arguments).run();
    }
}

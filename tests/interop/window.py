#!/usr/bin/env python3
"""A window: a program that takes balls, shows them and passes them on.

This program uses nothing of carom, only the format of the ball programs: one connection for each
ball, the eight integers x,y,dx,dy,radius,r,g,b, no newline, close. Speeds are in pixels a frame
(1/60 s), and y points up. A ball that leaves by the left edge is sent to the port on which the left
neighbour takes balls from its right, and the other way round. If no program takes it, it bounces.

    window.py --listen-left 10001 --listen-right 10002 --left pi1:10002 --right pi2:10001

One line is printed for each event: nanoseconds (CLOCK_MONOTONIC), a word, a side, the ball.
  ready    the window listens            serve    a ball was created here
  in       a ball came                   garbled  the bytes that came are not a ball
  send     a ball is about to be sent    refused  the neighbour did not take it
  out      the ball was sent             bounce   the ball stays and turns round
  crash    the window ends at once (--crash-after)
"""
import argparse
import os
import queue
import random
import select
import socket
import sys
import threading
import time

FRAME = 1 / 60
DEFAULT_BALL = "400,300,4,3,25,0,128,255"


def random_ball():
    """A ball of random color: balls that have left a window are told apart by color and radius only."""
    numbers = [400, random.randint(100, 500), 4, random.randint(-4, 4), 25]
    return ",".join(str(number) for number in numbers + [random.randint(0, 230) for _ in "rgb"])


def log(*words):
    print(time.monotonic_ns(), *words, flush=True)


class Ball:
    def __init__(self, text):
        numbers = [int(field) for field in text.split(",")]
        if len(numbers) != 8:
            raise ValueError("a ball has eight numbers")
        self.x, self.y, self.dx, self.dy, self.radius = numbers[:5]
        self.color = numbers[5:]

    def __str__(self):
        numbers = [self.x, self.y, self.dx, self.dy, self.radius, *self.color]
        return ",".join(str(number) for number in numbers)

    def step(self, width, height):
        """Moves the ball by one frame. Returns the side by which it is about to leave, or None."""
        self.x += self.dx
        self.y += self.dy
        too_low = self.y < self.radius and self.dy < 0
        too_high = self.y > height - self.radius and self.dy > 0
        if too_low or too_high:
            self.dy = -self.dy
        if self.x <= 0 and self.dx < 0:
            return "left"
        if self.x >= width and self.dx > 0:
            return "right"
        return None


class Receiver:
    """The listening sockets. They are polled between frames, or served by one thread each."""

    def __init__(self, options):
        self.sides = {}
        for side, port in (("left", options.listen_left), ("right", options.listen_right)):
            if port is not None:
                listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((options.bind, port))
                listener.listen(5)
                self.sides[listener] = side
        self.threads = options.threads
        self.arrived = queue.Queue()
        if self.threads:
            for listener in self.sides:
                threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def take(self, listener):
        connection, _ = listener.accept()
        # One read, as the format has it: bytes that arrive later are lost.
        try:
            data = connection.recv(1024)
        except OSError:
            data = b""
        connection.close()
        return self.sides[listener], data

    def serve(self, listener):
        while True:
            self.arrived.put(self.take(listener))

    def wait(self, timeout):
        """Returns the balls that arrive within `timeout` seconds; None waits without limit."""
        if not self.threads:
            ready, _, _ = select.select(list(self.sides), [], [], timeout)
            return [self.take(listener) for listener in ready]
        try:
            found = [self.arrived.get(timeout is None or timeout > 0, timeout or None)]
        except queue.Empty:
            return []
        while not self.arrived.empty():
            found.append(self.arrived.get())
        return found


class Window:
    def __init__(self, options):
        self.options = options
        self.neighbours = {"left": options.left, "right": options.right}
        self.balls = []
        self.taken = 0
        self.receiver = Receiver(options)
        self.picture = Picture.open(self) if options.show else None

    def serve(self, text=DEFAULT_BALL):
        ball = Ball(text)
        log("serve", "-", ball)
        self.balls.append(ball)

    def take(self, side, data):
        try:
            ball = Ball(data.decode("ascii"))
        except ValueError:
            log("garbled", side, ascii(data))
            return
        ball.x = 0 if side == "left" else self.options.width
        log("in", side, ball)
        self.taken += 1
        if self.taken == self.options.crash_after:
            log("crash", side, ball)
            os._exit(1)
        self.balls.append(ball)

    def pass_on(self, side, ball):
        """Sends the ball. Returns whether that succeeded; the neighbour may still not have read it."""
        address = self.neighbours[side]
        if address is None or self.options.keep:
            return False
        log("send", side, ball)
        try:
            with socket.create_connection(address, timeout=1) as connection:
                connection.sendall(str(ball).encode("ascii"))
                if self.options.newline:
                    # Wait, as a program does that has other work between its writes.
                    time.sleep(0.2)
                    connection.sendall(b"\n")
                    time.sleep(0.2)
                    connection.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            log("refused", side, error)
            return False
        log("out", side, ball)
        return True

    def frame(self):
        for ball in list(self.balls):
            side = ball.step(self.options.width, self.options.height)
            if side is None:
                continue
            if self.pass_on(side, ball):
                self.balls.remove(ball)
            else:
                ball.dx = -ball.dx
                log("bounce", side, ball)

    def run(self):
        period = FRAME / self.options.speedup
        due = time.monotonic()
        log("ready", "-")
        if self.options.serve:
            self.serve(self.options.serve)
        while True:
            now = time.monotonic()
            # Do not make up for frames that were missed without a ball, or while a neighbour did not answer.
            if not self.balls or now > due + 1:
                due = max(due, now)
            idle = not self.balls and self.picture is None
            for side, data in self.receiver.wait(None if idle else max(0, due - now)):
                self.take(side, data)
            if idle:
                due = time.monotonic() + period
            elif time.monotonic() >= due:
                due += period
                self.frame()
                if self.picture is not None:
                    self.picture.draw()


class Picture:
    """Draws the balls on the screen."""

    def __init__(self, tkinter, window):
        self.window = window
        options = window.options
        self.root = tkinter.Tk()
        self.root.title("a window: press the space bar to serve a ball")
        self.canvas = tkinter.Canvas(
            self.root, width=options.width, height=options.height, background="white"
        )
        self.canvas.pack()
        self.root.bind("<space>", lambda _: window.serve(random_ball()))
        self.root.protocol("WM_DELETE_WINDOW", lambda: os._exit(0))

    @classmethod
    def open(cls, window):
        try:
            import tkinter

            return cls(tkinter, window)
        except Exception as error:  # Without a display, continue without a picture.
            print("no picture: %s" % error, file=sys.stderr)
            return None

    def draw(self):
        self.canvas.delete("all")
        for ball in self.window.balls:
            x, y, radius = ball.x, self.window.options.height - ball.y, ball.radius
            color = "#%02x%02x%02x" % tuple(min(255, max(0, shade)) for shade in ball.color)
            self.canvas.create_oval(
                x - radius, y - radius, x + radius, y + radius, fill=color, outline=""
            )
        self.root.update()


def address(text):
    host, _, port = text.rpartition(":")
    if not host:
        raise argparse.ArgumentTypeError("write HOST:PORT")
    return host.strip("[]"), int(port)


def main():
    about, _, words = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=words, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    option = parser.add_argument
    option("--listen-left", type=int, metavar="PORT", help="take balls from the left neighbour on this port")
    option("--listen-right", type=int, metavar="PORT", help="take balls from the right neighbour on this port")
    option("--bind", default="", metavar="ADDRESS", help="listen on this address only")
    option("--left", type=address, metavar="HOST:PORT", help="where the left neighbour takes balls from its right")
    option("--right", type=address, metavar="HOST:PORT", help="where the right neighbour takes balls from its left")
    option("--width", type=int, default=800, metavar="PIXELS", help="default 800")
    option("--height", type=int, default=600, metavar="PIXELS", help="default 600")
    option("--threads", action="store_true", help="serve each listening port by a thread of its own")
    option("--speedup", type=float, default=1, metavar="N", help="make N times as many frames a second")
    option("--serve", nargs="?", const=DEFAULT_BALL, metavar="BALL", help="start with a ball of its own")
    option("--keep", action="store_true", help="never pass a ball on")
    option("--crash-after", type=int, metavar="N", help="end at once, as in a crash, when the Nth ball has come")
    option("--newline", action="store_true", help="send a newline after the ball, in a separate write")
    option("--show", action="store_true", help="draw the balls; the space bar creates one")
    Window(parser.parse_args()).run()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass

#!/usr/bin/env python3
"""A window that balls fly through: takes them, shows them, passes them on.

Written from the format alone: one connection for every ball, the eight integers
x,y,dx,dy,radius,r,g,b, no newline, close. Speeds are in pixels a frame of 1/60 s, y is up. A ball
that leaves by the left edge goes to the port that the left neighbour has for balls from its right,
and the other way round; if nobody takes it, it bounces.

    window.py --listen-left 10001 --listen-right 10002 --left pi1:10002 --right pi2:10001

What happens is printed, a line each: nanoseconds (CLOCK_MONOTONIC), a word, a side, the ball.
  in       a ball came              garbled  what came was no ball
  send     it is about to go on     refused  the neighbour did not take it
  out      it was passed on         bounce   it turned round
  serve    it was made here
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
READY_MADE = "400,300,4,3,25,0,128,255"


def any_ball():
    """One of a color of its own: nothing else tells two balls apart on their way."""
    numbers = [400, random.randint(100, 500), 4, random.randint(-4, 4), 25]
    return ",".join(str(number) for number in numbers + [random.randint(0, 230) for _ in "rgb"])


def say(*words):
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
        """Moves on by a frame; says by which side it is about to leave, if it is."""
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
    """The listening sockets: looked at between frames, or each by a thread of its own."""

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
        # Reads once, and closes: whatever comes later is lost.
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
        """What comes within so many seconds; waits for ever if that is None."""
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

    def serve(self, text=READY_MADE):
        ball = Ball(text)
        say("serve", "-", ball)
        self.balls.append(ball)

    def take(self, side, data):
        try:
            ball = Ball(data.decode("ascii"))
        except ValueError:
            say("garbled", side, ascii(data))
            return
        ball.x = 0 if side == "left" else self.options.width
        say("in", side, ball)
        self.taken += 1
        if self.taken == self.options.crash_after:
            say("crash", side, ball)
            os._exit(1)
        self.balls.append(ball)

    def pass_on(self, side, ball):
        """Whether the neighbour took it, as far as can be known here."""
        address = self.neighbours[side]
        if address is None or self.options.keep:
            return False
        say("send", side, ball)
        try:
            with socket.create_connection(address, timeout=1) as connection:
                connection.sendall(str(ball).encode("ascii"))
                if self.options.newline:
                    # As slow as a program that has something else to do between its writes.
                    time.sleep(0.2)
                    connection.sendall(b"\n")
                    time.sleep(0.2)
                    connection.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            say("refused", side, error)
            return False
        say("out", side, ball)
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
                say("bounce", side, ball)

    def run(self):
        period = FRAME / self.options.speedup
        due = time.monotonic()
        say("ready", "-")
        if self.options.serve:
            self.serve(self.options.serve)
        while True:
            now = time.monotonic()
            # Frames that were missed while nothing moved, or while a neighbour did not answer, are over.
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
    """The window as a window."""

    def __init__(self, tkinter, window):
        self.window = window
        options = window.options
        self.root = tkinter.Tk()
        self.root.title("a window: press the space bar to serve a ball")
        self.canvas = tkinter.Canvas(
            self.root, width=options.width, height=options.height, background="white"
        )
        self.canvas.pack()
        self.root.bind("<space>", lambda _: window.serve(any_ball()))
        self.root.protocol("WM_DELETE_WINDOW", lambda: os._exit(0))

    @classmethod
    def open(cls, window):
        try:
            import tkinter

            return cls(tkinter, window)
        except Exception as error:  # Without a display, it says so and goes on.
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
    option("--listen-left", type=int, metavar="PORT", help="takes balls from the left neighbour here")
    option("--listen-right", type=int, metavar="PORT", help="takes balls from the right neighbour here")
    option("--bind", default="", metavar="ADDRESS", help="listens on this address only")
    option("--left", type=address, metavar="HOST:PORT", help="the left neighbour's port for balls from its right")
    option("--right", type=address, metavar="HOST:PORT", help="the right neighbour's port for balls from its left")
    option("--width", type=int, default=800)
    option("--height", type=int, default=600)
    option("--threads", action="store_true", help="a thread for every listening port")
    option("--speedup", type=float, default=1, metavar="N", help="N times as many frames a second")
    option("--serve", nargs="?", const=READY_MADE, metavar="BALL", help="begins with a ball of its own")
    option("--keep", action="store_true", help="never passes a ball on")
    option("--crash-after", type=int, metavar="N", help="dies as soon as it has taken its Nth ball")
    option("--newline", action="store_true", help="sends a newline after the ball, in a write of its own")
    option("--show", action="store_true", help="draws the balls; the space bar serves one")
    Window(parser.parse_args()).run()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass

// Where a ball is, as src/ring/motion.rs reckons it: x runs on, y is mirrored at floor and ceiling.

/** The height and the speed upwards, `seconds` after `y` and `speed`. */
export function fold(y, speed, seconds, floor, ceiling) {
  const room = ceiling - floor;
  if (room <= 0) return [(floor + ceiling) / 2, speed];
  const start = Math.min(Math.max(y, floor), ceiling) - floor;
  const twice = 2 * room;
  const way = (((start + speed * seconds) % twice) + twice) % twice;
  return way <= room ? [floor + way, speed] : [floor + twice - way, -speed];
}

/**
 * A ball's centre at `now` (milliseconds of this page), in pixels of the virtual screen, y upwards.
 * Behind the edge it flies on: the next node shows the rest of it. `past` says how far it may.
 */
export function place(word, screen, now, past = Infinity) {
  const [width, height] = screen;
  const [x, y] = word.position;
  const [across, up] = word.velocity;
  const seconds = word.frozen ? 0 : Math.max(0, now - word.at) / 1000;
  const [high] = fold(y, up, seconds, word.radius, height - word.radius);
  const far = Math.min(Math.max(x + across * seconds, -past), width + past);
  return [far, high];
}

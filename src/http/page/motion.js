// Where a ball is, computed as in src/ring/motion.rs: x runs on, y is mirrored at floor and ceiling.

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
 * It continues beyond the edge by up to `past`: the next node shows the rest of it.
 */
export function place(view, screen, now, past = Infinity) {
	const [width, height] = screen;
	const [x, y] = view.position;
	const [across, up] = view.velocity;
	const seconds = view.frozen ? 0 : Math.max(0, now - view.at) / 1000;
	const [high] = fold(y, up, seconds, view.radius, height - view.radius);
	const far = Math.min(Math.max(x + across * seconds, -past), width + past);
	return [far, high];
}

// Which nodes a page listens to: few, however large the ring is.
const ALL = 7; // in a ring of up to so many nodes, all of them
const NEAR = 2; // on each side
const VOTERS = 3; // each hears of every ball

export const isLarge = (names) => names.length > ALL;

/**
 * At most eight nodes: the one that served the page, the nearest on each side, and enough voters.
 * The next ones take the places of those that do not answer, for which `skip` is true.
 */
export function choose({ names, voters, home, facts }, skip = () => false) {
	if (!isLarge(names)) return names;
	const at = names.indexOf(home);
	// Counted from the home node, so that the pages of different nodes choose different voters.
	const after = [...names.slice(at + 1), ...names.slice(0, at)];
	const row = facts.shape === "row";
	const right = row ? names.slice(at + 1) : after;
	const left = (row ? names.slice(0, at) : [...after]).reverse();
	const able = (list) => list.filter((name) => !skip(name));
	const chosen = new Set([home, ...able(right).slice(0, NEAR), ...able(left).slice(0, NEAR)]);
	const others = after.filter((name) => voters.has(name) && !chosen.has(name));
	const missing = VOTERS - [...chosen].filter((name) => voters.has(name) && !skip(name)).length;
	for (let i = 0; i < missing; i++) {
		const first = Math.floor((i * others.length) / missing);
		const name = able([...others.slice(first), ...others]).find((other) => !chosen.has(other));
		if (name) chosen.add(name);
	}
	return [...chosen];
}

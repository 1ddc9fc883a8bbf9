// Light or dark, as the system has it or as the reader chose; and for a projector.
const byId = (id) => document.getElementById(id);
const MEDIA = { auto: byId("dark").media, light: "not all", dark: "all" };
const NEXT = { auto: "light", light: "dark", dark: "auto" };
function theme(name) {
	byId("dark").media = MEDIA[name];
	byId("theme").textContent = name;
	byId("theme").ariaLabel = `Colours: ${name}`;
}
let kept = {};
try {
	kept = localStorage;
} catch {
	// Private windows store nothing; the choice holds for this one.
}
byId("theme").addEventListener("click", () => theme((kept.theme = NEXT[byId("theme").textContent])));
theme(kept.theme in MEDIA ? kept.theme : "auto");

function big(on) {
	document.body.classList.toggle("big", on);
	byId("big").setAttribute("aria-pressed", String(on));
	byId("big").textContent = on ? "All of it" : "Projector";
}
byId("big").addEventListener("click", () => {
	const on = !document.body.classList.contains("big");
	big(on);
	if (on) document.documentElement.requestFullscreen?.().catch(() => {});
	else if (document.fullscreenElement) document.exitFullscreen();
});
document.addEventListener("fullscreenchange", () => document.fullscreenElement || big(false));
addEventListener("keydown", ({ key }) => key === "Escape" && big(false));

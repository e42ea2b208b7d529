// The wall by keys: j and k move, Enter opens. Links stay links; this only moves the focus.

const wall = document.getElementById("wall");

function move(by) {
  const links = [...wall.querySelectorAll("a.mat")];
  const next = links[links.indexOf(document.activeElement) + by] ?? links[by > 0 ? 0 : -1];
  next?.focus();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (!wall || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "j") move(1);
  if (event.key === "k") move(-1);
});

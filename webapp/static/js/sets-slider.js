// Before and after: a divider over two images of one size, moved by pointer, touch or keys.

export function slide(box) {
  const range = box.querySelector("input[type=range]");
  const move = () => box.style.setProperty("--cut", `${range.value}%`);
  range.addEventListener("input", move);
  move();
}

// Demo on /sets: the buttons choose the rule whose result is on the right.
export function demonstrate(figure) {
  const after = figure.querySelector(".after img");
  slide(figure.querySelector(".slider"));
  for (const button of figure.querySelectorAll("button[data-picture]")) {
    button.addEventListener("click", async () => {
      const next = new Image();
      next.src = button.dataset.picture;
      await next.decode().catch(() => null);
      after.src = next.src;
      after.alt = button.dataset.alt;
      for (const each of figure.querySelectorAll("button[data-picture]")) {
        each.setAttribute("aria-pressed", String(each === button));
      }
    });
  }
}

for (const figure of document.querySelectorAll("figure.demonstration")) demonstrate(figure);

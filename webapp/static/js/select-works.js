// How many own pictures are selected; without scripts the form works the same.

const form = document.getElementById("selection");
const told = form?.querySelector("[data-selected]");

const tell = () => {
  const count = document.querySelectorAll('[form="selection"]:checked').length;
  told.textContent = count ? told.dataset.selected.replace("{count}", count) : "";
};

if (form) {
  document.addEventListener("change", (event) => event.target.matches('[form="selection"]') && tell());
  form.addEventListener("reset", () => setTimeout(tell));
  window.addEventListener("pageshow", tell); // a browser that goes back keeps what was checked
}

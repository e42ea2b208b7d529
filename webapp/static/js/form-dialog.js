// Forms in place: those of /report and of /g/:id/collections are loaded into a dialog; without
// scripts they are pages.

const DIALOGS = "#report-dialog, #collect-dialog";

document.addEventListener("click", async (event) => {
  const asked = event.target.closest("[data-report], [data-collect]");
  const name = asked && ("collect" in asked.dataset ? "collect" : "report");
  const dialog = asked && document.getElementById(`${name}-dialog`);
  const open = event.target.closest("dialog[open]");
  if (dialog && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const asking = window.htmx.ajax("GET", asked.getAttribute("href"), { target: `#${name}` });
    const isThere = await asking.then(() => true, () => false);
    if (isThere && dialog.querySelector("form")) dialog.showModal();
  } else if (open?.matches(DIALOGS) && (event.target === open || event.target.closest("[data-close]"))) {
    event.preventDefault();
    open.close();
  }
});

// A refused form is returned with its errors.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { status } = event.detail.xhr;
  const isRefused = status === 422 || status === 409;
  if (isRefused && event.target.closest(DIALOGS)) Object.assign(event.detail, { shouldSwap: true, isError: false });
});

// Report in place: the form of /report is loaded into a dialog; without scripts it is a page.

const dialog = document.getElementById("report-dialog");

document.addEventListener("click", async (event) => {
  const asked = event.target.closest("[data-report]");
  if (asked && dialog && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const asking = window.htmx.ajax("GET", asked.getAttribute("href"), { target: "#report" });
    const isThere = await asking.then(() => true, () => false);
    if (isThere && document.querySelector("#report form")) dialog.showModal();
  } else if (dialog?.open && (event.target === dialog || event.target.closest("[data-close]"))) {
    event.preventDefault();
    dialog.close();
  }
});

// A refused report is returned with its errors.
dialog?.addEventListener("htmx:beforeSwap", (event) => {
  const { status } = event.detail.xhr;
  if (status === 422 || status === 409) Object.assign(event.detail, { shouldSwap: true, isError: false });
});

// Samples, artworks and pictures in a PhotoSwipe lightbox; without scripts the links open the file.
// An open lightbox has an entry of the history, so that Back closes it.

import PhotoSwipeLightbox from "../vendor/photoswipe/photoswipe-lightbox.esm.min.js";

const lightbox = new PhotoSwipeLightbox({
  gallery: "#samples, #artworks",
  children: "a[data-pswp-width]",
  pswpModule: () => import("../vendor/photoswipe/photoswipe.esm.min.js"),
  bgOpacity: 0.94,
  showHideAnimationType: matchMedia("(prefers-reduced-motion: reduce)").matches ? "none" : "zoom",
});
// Take the size from the file, because the page only estimates it.
for (const link of document.querySelectorAll("#samples a[data-pswp-width]:not([data-exact])")) {
  const image = link.querySelector("img");
  const measure = () => {
    link.dataset.pswpWidth = image.naturalWidth;
    link.dataset.pswpHeight = image.naturalHeight;
  };
  if (image.complete && image.naturalWidth) measure();
  else image.addEventListener("load", measure);
}

function leaveEntry() {
  if (history.state?.lightbox) history.back();
}

lightbox.on("beforeOpen", () => history.pushState({ lightbox: true }, ""));
lightbox.on("close", leaveEntry);
addEventListener("popstate", () => {
  if (!history.state?.lightbox) lightbox.pswp?.close();
  else if (!lightbox.pswp) leaveEntry(); // by Forward
});
leaveEntry(); // reloaded while it was open
lightbox.init();

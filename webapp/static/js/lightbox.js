// Samples and pictures in a PhotoSwipe lightbox; without scripts the links open the file.

import PhotoSwipeLightbox from "../vendor/photoswipe/photoswipe-lightbox.esm.min.js";

const lightbox = new PhotoSwipeLightbox({
  gallery: "#samples",
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
lightbox.init();

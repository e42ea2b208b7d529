// Swagger UI over the API's document; what is tried out carries the CSRF token of this browser.

import { csrfToken } from "./csrf.js";

// Dark as on every page: as chosen there, or as the system is.
const chosen = document.cookie.match(/(?:^|; )theme=(light|dark)/)?.[1];
const system = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", chosen ? chosen === "dark" : system.matches);
system.addEventListener("change", paint);
paint();

const place = document.getElementById("docs");

window.SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  docExpansion: "none",
  // Nothing is sent to a validator elsewhere.
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRFToken"] = csrfToken();
    return request;
  },
});

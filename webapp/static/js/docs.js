// Swagger UI over the OpenAPI document; requests carry the CSRF token of this browser.

import { csrfToken } from "./csrf.js";

// The theme of the other pages: the stored choice, or that of the system.
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
  // Send the document to no external validator.
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRFToken"] = csrfToken();
    return request;
  },
});

// Swagger UI over the API's document; what is tried out carries the CSRF token of this browser.

import { csrfToken } from "./api.js";

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

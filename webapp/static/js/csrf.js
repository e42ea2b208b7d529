// The CSRF token of requests that change something.

export function csrfToken() {
  const pair = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
  return pair ? decodeURIComponent(pair.slice("csrftoken=".length)) : "";
}

// The token that a request must carry to change something.

export function csrfToken() {
  const pair = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
  return pair ? decodeURIComponent(pair.slice("csrftoken=".length)) : "";
}

// Follow a resource until its state is final: server-sent events, or polling every 5 s when they fail.

const POLL_MS = 5000;

// `onChange(data)` is called for each state; resolves with the last one. `read` fetches the state.
export function follow(events, read, onChange) {
  return new Promise((resolve) => {
    let timer = null;
    const source = new EventSource(events);
    const end = (data) => {
      source.close();
      clearInterval(timer);
      onChange(data);
      resolve(data);
    };
    source.addEventListener("update", (event) => {
      clearInterval(timer);
      timer = null;
      onChange(JSON.parse(event.data));
    });
    source.addEventListener("end", (event) => end(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      // The browser reconnects by itself; until then, poll.
      timer ??= setInterval(async () => {
        const data = await read().catch(() => null);
        if (!data) return;
        if (isFinal(data)) end(data);
        else onChange(data);
      }, POLL_MS);
    });
  });
}

export function isFinal(data) {
  return ["trained", "completed", "failed", "canceled"].includes(data.status ?? data.training_status);
}

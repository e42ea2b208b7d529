// Follow something until it is final: server-sent events, or asking every 5 s where they fail.

const POLL_MS = 5000;

// `onChange(data)` for each state; resolves with the last one. `read` asks for the state once.
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
      // The browser reconnects by itself; until it has, ask.
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

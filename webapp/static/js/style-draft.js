// A draft that survives a reload: texts in localStorage, files in IndexedDB, one per artist. Where
// the browser has neither, the draft lasts until the page is left.

const STORE = "files";

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class Draft {
  constructor(owner, kind = "studio") {
    this.name = `${kind}-${owner}`;
    this.base = this.open().catch(() => null);
  }

  open() {
    const asked = indexedDB.open(this.name, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    return promised(asked);
  }

  async files(mode) {
    const base = await this.base;
    return base?.transaction(STORE, mode).objectStore(STORE) ?? null;
  }

  load() {
    try { return JSON.parse(localStorage.getItem(this.name)) ?? {}; } catch { return {}; }
  }

  save(state) {
    try { localStorage.setItem(this.name, JSON.stringify(state)); } catch { /* no room: nothing is kept */ }
  }

  // Returns whether the file was stored.
  async put(id, kept) {
    try {
      const files = await this.files("readwrite");
      if (!files) return false;
      await promised(files.put(kept, id));
      return true;
    } catch { return false; }
  }

  async get(id) {
    try {
      const files = await this.files("readonly");
      return files ? (await promised(files.get(id))) ?? null : null;
    } catch { return null; }
  }

  async remove(id) {
    const files = await this.files("readwrite").catch(() => null);
    files?.delete(id);
  }

  async clear() {
    try { localStorage.removeItem(this.name); } catch { /* nothing was kept */ }
    const files = await this.files("readwrite").catch(() => null);
    files?.clear();
  }
}

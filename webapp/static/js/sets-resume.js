// Resume the upload of an album: files stored in this browser continue by themselves, the others must
// be chosen again by name.

import { deliver, Undelivered } from "./artwork-upload.js";
import { Draft } from "./style-draft.js";
import * as api from "./sets-api.js";
import { element, fill } from "./sets-texts.js";

export class Arrivals {
  constructor(section, job, texts, onDone) {
    Object.assign(this, { section, job, texts, onDone });
    this.draft = new Draft(job.job_id, "sets");
    this.picked = new Map();
    this.states = new Map();
    section.querySelector("input").addEventListener("change", (event) => {
      for (const file of event.target.files) this.picked.set(file.name, file);
      this.go();
    });
  }

  async fileOf(idx) {
    const { filename } = this.job.items.find((each) => each.idx === idx) ?? {};
    return this.picked.get(filename) ?? (await this.draft.get(idx))?.file ?? null;
  }

  async go() {
    this.section.hidden = false;
    this.section.querySelector(".missing").hidden = true;
    try {
      await deliver({
        confirm: () => api.call("POST", api.confirmPath(this.job.job_id)),
        uploads: null,
        fileOf: (idx) => this.fileOf(idx),
        onChange: (idx, item) => this.show(idx, item),
      });
      await this.draft.clear();
      this.section.hidden = true;
      await this.onDone();
    } catch (error) {
      if (!(error instanceof Undelivered)) throw error;
      await this.ask(error.missing);
    }
  }

  show(idx, item) {
    this.states.set(idx, item.state === "sent" ? 1 : item.loaded / item.file.size);
    const sum = [...this.states.values()].reduce((one, two) => one + two, 0);
    this.section.querySelector("progress").value = (100 * sum) / this.states.size;
    const done = [...this.states.values()].filter((each) => each === 1).length;
    this.section.querySelector(".figures").textContent = fill(this.texts.uploading, { done, total: this.states.size });
  }

  async ask(missing) {
    const names = this.job.items.filter((each) => missing.includes(each.idx)).map((each) => each.filename);
    this.section.querySelector(".missing ul").replaceChildren(...names.map((name) => element("li", { textContent: name })));
    this.section.querySelector(".missing").hidden = false;
  }
}

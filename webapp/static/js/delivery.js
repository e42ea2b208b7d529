// From declared works to the start of their checks: upload what is missing, then confirm.

import { ApiError, call } from "./api.js";
import { Uploader } from "./uploader.js";

const ROUNDS = 3;

// `confirm()` asks the API to begin the checks. `fileOf(idx)` gives a work's file or null; `onChange(idx, item)` hears of each one's progress.
// Resolves once the checks have begun. Rejects with `missing`: the indexes that
// could not be sent.
export class Undelivered extends Error {
  constructor(missing) {
    super("not all files arrived");
    this.missing = missing;
  }
}

export async function deliver({ confirmUrl, confirm = () => call("POST", confirmUrl), uploads, fileOf, onChange }) {
  let wanted = uploads ?? (await missing(confirm));
  for (let round = 0; round < ROUNDS && wanted; round += 1) {
    await send(wanted, confirm, fileOf, onChange);
    wanted = await missing(confirm);
  }
  if (wanted) throw new Undelivered(wanted.map((upload) => upload.idx));
}

// Confirms; returns fresh places for what is missing, or null when the checks have begun.
async function missing(confirm) {
  try {
    await confirm();
    return null;
  } catch (error) {
    if (error instanceof ApiError && error.code === "UPLOAD_INCOMPLETE") return error.details.uploads;
    throw error;
  }
}

async function send(uploads, confirm, fileOf, onChange) {
  const uploader = new Uploader({
    onChange: (item) => onChange(item.id, item),
    // Something is missing, so this confirms nothing: it only gives fresh addresses.
    renew: async (item) => (await missing(confirm))?.find((upload) => upload.idx === item.id),
  });
  const lost = [];
  for (const upload of uploads) {
    const file = await fileOf(upload.idx);
    if (file) uploader.add(upload.idx, file, upload);
    else lost.push(upload.idx);
  }
  const failed = (await uploader.run()).map((item) => item.id);
  if (lost.length || failed.length) throw new Undelivered([...lost, ...failed]);
}

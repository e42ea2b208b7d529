// Upload the missing artworks of a style, then confirm, which starts their checks.

import { ApiError, call } from "./api.js";
import { Uploader } from "./uploader.js";

const ROUNDS = 3;

// `confirm()` asks the API to start the checks. `fileOf(idx)` returns the file of an artwork or null;
// `onMissing(indexes)` receives what the server lacks at first, `onChange(idx, item)` the progress of
// an artwork. Resolves when the checks have started; rejects with `missing`: the indexes that could
// not be uploaded.
export class Undelivered extends Error {
  constructor(missing) {
    super("not all files arrived");
    this.missing = missing;
  }
}

export async function deliver({ confirmUrl, confirm = () => call("POST", confirmUrl), uploads, fileOf, onMissing, onChange }) {
  let wanted = uploads ?? (await missing(confirm));
  if (wanted) onMissing?.(wanted.map((upload) => upload.idx));
  for (let round = 0; round < ROUNDS && wanted; round += 1) {
    await send(wanted, confirm, fileOf, onChange);
    wanted = await missing(confirm);
  }
  if (wanted) throw new Undelivered(wanted.map((upload) => upload.idx));
}

// Confirms; returns new upload URLs for missing files, or null when the checks have started.
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
    // A file is missing, so this confirms nothing and only returns new upload URLs.
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

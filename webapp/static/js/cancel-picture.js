// The button that cancels a picture in the queue. A refusal is said in the toast.

import { call } from "./api.js";
import * as toast from "./toast.js";

export async function cancel(button) {
  button.disabled = true;
  try {
    await call("POST", `/api/v1/generations/${button.dataset.cancel}/cancel`);
  } catch (error) {
    if (error.code === "NETWORK") button.disabled = false;
    else toast.say(error.message);
  }
}

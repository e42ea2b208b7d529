// Styles on sale with their prices. What an album is painted with is ordered at the prices that the
// page shows, with the licences it names: the site refuses other ones.

import { fill } from "./sets-texts.js";

let loading = null;
let onSale = null; // null until it was fetched

// Fetched once, and again after the site refused them. `named` are ids of styles that rules name:
// one that is not among the first hundred is fetched too.
export function stylesOnSale(call, named = []) {
  loading ??= call("GET", "/api/v1/styles?limit=100").then(({ results }) => { onSale = results; }).catch(() => { loading = null; });
  return loading.then(async () => {
    const missing = [...new Set(named.map(String))].filter((id) => onSale && !onSale.some((each) => String(each.id) === id));
    const found = await Promise.all(missing.map((id) => call("GET", `/api/v1/styles/${id}`).catch(() => null)));
    if (found.length) onSale = [...onSale, ...found.filter((each) => each && !onSale.some(({ id }) => id === each.id))];
    return onSale ?? [];
  });
}

export const areKnown = () => onSale !== null;

export function forgetStyles() {
  loading = null;
  onSale = null;
}

// The licences that a style sells, each with its price; null for the only licence of a style.
export function offersOf(style, texts) {
  const sold = Object.entries(style.prices).filter(([, price]) => price !== null);
  const title = (licence) => `${style.name}, ${texts.licences[licence]}`;
  if (sold.length === 1) return [{ licence: null, price: style.price_tokens, title: title(style.license_type) }];
  return sold.map(([licence, price]) => ({ licence, price, title: title(licence) }));
}

// The licence of a setting and its price, or null for what is not on sale.
function offerOf(setting) {
  const style = onSale?.find((each) => String(each.id) === String(setting.value));
  const licence = setting.license_type ?? style?.license_type;
  const price = style?.prices[licence] ?? null;
  return price === null ? null : { style, licence, price };
}

export const isPainted = (setting) => setting?.action === "restyle" && Boolean(setting.value);

// A setting with the licence and the price that the page shows for it. Without one the price is 0,
// which nothing costs: then the site says what it costs.
export function asShown(setting) {
  if (!isPainted(setting)) return setting;
  const offer = offerOf(setting);
  const licence = offer?.licence ?? setting.license_type ?? null;
  return { ...setting, license_type: licence, expected_price_tokens: offer?.price ?? 0 };
}

// “Ink piers, Personal licence · 10 tokens”, once for each style and licence of these settings.
export function pricesOf(settings, texts) {
  const offers = settings.filter(isPainted).map(offerOf).filter(Boolean);
  const words = offers.map(({ style, licence, price }) => fill(texts.styleFor, { style: `${style.name}, ${texts.licences[licence]}`, count: price }));
  return [...new Set(words)];
}

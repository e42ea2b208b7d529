// What an artist earns with each price in a form, as it is typed.

const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

function earning(field, { worth, one, text }) {
  const price = field.valueAsNumber;
  const licence = field.labels[0].textContent;
  return fill(price === 1 ? one : text, { licence, count: number(price), worth: number(price * worth) });
}

for (const prices of document.querySelectorAll("fieldset.prices")) {
  const said = prices.querySelector("[data-worth]");
  const withoutPrice = said.textContent;
  const fields = [...prices.querySelectorAll("input")];
  const show = () => {
    const priced = fields.filter((field) => field.value && field.validity.valid);
    said.textContent = priced.map((field) => earning(field, said.dataset)).join("\n") || withoutPrice;
  };
  prices.addEventListener("input", show);
  show();
}

// Preview of the signature: the style sheet shows position and size, this script the opacity.

const form = document.getElementById("signature");
const strength = form.elements.signature_opacity;
const said = form.querySelector("output");
const file = form.elements.signature_image;

function show() {
  said.textContent = `${Math.round(100 * strength.value)} %`;
  for (const picture of form.querySelectorAll(".preview img")) picture.style.opacity = strength.value;
}

strength.addEventListener("input", show);
file.addEventListener("change", () => {
  const [chosen] = file.files;
  if (!chosen) return;
  const address = URL.createObjectURL(chosen);
  for (const picture of form.querySelectorAll(".preview img")) picture.src = address;
});
show();

// Opens the Toss Payments window for one payment; Toss redirects back to the site.

const button = document.querySelector("#pay");
const problem = document.querySelector("#problem");
// HTML attributes are lower case.
const { clientkey, orderid, ordername, amount, successurl, failurl } = button.dataset;

button.addEventListener("click", async () => {
  button.disabled = true;
  problem.hidden = true;
  try {
    const payment = window.TossPayments(clientkey).payment({
      customerKey: window.TossPayments.ANONYMOUS,
    });
    await payment.requestPayment({
      method: "CARD",
      amount: { currency: "KRW", value: Number(amount) },
      orderId: orderid,
      orderName: ordername,
      successUrl: successurl,
      failUrl: failurl,
    });
  } catch (error) {
    button.disabled = false;
    if (error?.code === "USER_CANCEL") return;
    problem.textContent = problem.dataset.text;
    problem.hidden = false;
    problem.focus();
  }
});

// Opens the window of Toss Payments for one order; Toss sends the browser back to the site itself.

const button = document.querySelector("#pay");
const problem = document.querySelector("#problem");
// HTML writes attributes in lower case.
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

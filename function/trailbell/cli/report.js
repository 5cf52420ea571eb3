for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0];
    const place = [...head.parentElement.children].indexOf(head);
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = row => row.children[place].dataset.sort ?? row.children[place].textContent.trim();
    const numbers = new Intl.Collator("en", {numeric: true});
    const rows = [...body.rows].sort((a, b) => numbers.compare(value(a), value(b)) * (up ? 1 : -1));
    body.append(...rows);
  });
}

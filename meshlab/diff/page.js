"use strict";
// Search among the objects of the page. Without it, everything is there all the same.
const search = document.getElementById("search");
const found = document.getElementById("found");
const objects = [...document.querySelectorAll(".object")];
const holders = [...document.querySelectorAll(".part, .stack")].reverse();
const actions = [...document.querySelectorAll("input[name=action]")];

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const action = actions.find((one) => one.checked).value;
  let count = 0;
  for (const one of objects) {
    const fits = words.every((word) => one.dataset.name.includes(word));
    one.hidden = !fits || (action !== "" && one.dataset.action !== action);
    count += one.hidden ? 0 : 1;
  }
  const all = words.length === 0 && action === "";
  for (const one of holders) one.hidden = !all && one.querySelector(".object:not([hidden])") === null;
  for (const one of document.querySelectorAll(".beside")) one.hidden = !all;
  found.textContent = all ? "" : `${count} of ${objects.length} objects`;
}

function open(value) {
  for (const one of objects) if (!one.hidden) one.querySelector("details").open = value;
}

document.getElementById("tools").hidden = false;
search.addEventListener("input", show);
for (const one of actions) one.addEventListener("change", show);
document.getElementById("open").addEventListener("click", () => open(true));
document.getElementById("close").addEventListener("click", () => open(false));
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && document.activeElement === search) {
    search.value = "";
    show();
  }
});
show();

"use strict";
// Niceties only: the page says everything without them.

// A click on a name in a legend brings its line to the fore in all charts of that workload, or mutes it.
for (const entry of document.querySelectorAll(".legend li")) {
  entry.setAttribute("role", "button");
  entry.tabIndex = 0;
  const toggle = () => {
    const muted = entry.classList.contains("muted");
    for (const line of entry.closest("section").querySelectorAll(".line")) {
      if (line.dataset.name === entry.dataset.name) line.classList.toggle("muted", !muted);
    }
    entry.setAttribute("aria-pressed", String(muted));
  };
  entry.addEventListener("click", toggle);
  entry.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
}

// The samples are in the page: they can be had as a file.
const data = document.getElementById("results");
const button = document.createElement("button");
button.textContent = "Save the raw samples (JSON)";
button.addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data.textContent], { type: "application/json" }));
  link.download = "iobench.json";
  link.click();
  URL.revokeObjectURL(link.href);
});
document.getElementById("how-to-read").append(button);

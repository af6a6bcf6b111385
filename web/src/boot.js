// Runs before the first paint, so that the page does not flash in the other theme. src/prefs.ts has the same key.
(function () {
  var saved = {};
  try {
    saved = JSON.parse(localStorage.getItem("kiln.prefs") || "{}") || {};
  } catch {
    saved = {};
  }
  var dark = saved.theme === "dark" || (saved.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();

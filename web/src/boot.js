// Runs before the first paint, so that the page does not flash in the other theme. src/prefs.ts has the same key.
// Then asks for the page's own scripts, which the first script would not name before it has run.
(function () {
  var saved = {};
  try {
    saved = JSON.parse(localStorage.getItem("kiln.prefs") || "{}") || {};
  } catch {
    saved = {};
  }
  var dark = saved.theme === "dark" || (saved.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  // vite.config.ts writes them: the scripts' names, and patterns of paths with the indices of theirs.
  var pages = JSON.parse(document.currentScript.dataset.pages || "[[], []]");
  var path = location.pathname.slice(new URL(document.baseURI).pathname.length - 1);
  pages[1].some(function (page) {
    if (!new RegExp(page[0]).test(path)) return false;
    page[1].forEach(function (index) {
      var link = document.createElement("link");
      link.rel = "modulepreload";
      link.href = pages[0][index];
      document.head.append(link);
    });
    return true;
  });
})();

// The first picture goes when the page's own heatmap stands, when the page has something to say instead, or at a click.
(() => {
  const first = document.getElementById("attnviz-first");
  const done = () => { first.remove(); watch.disconnect(); };
  const watch = new MutationObserver(() => {
    if (document.querySelector("PICTURE, [data-testid=stAlert], [data-testid=stException]")) done();
  });
  watch.observe(document.body, { subtree: true, childList: true });
  first.addEventListener("click", done);
  setTimeout(done, 30000);
})();

// A page's help: named for those who do not see it, entered when it is opened, left with Escape to the button it came from.
const help = (window.attnvizHelp ??= { panel: null });
const helpButton = () => document.querySelector(".st-key-help-button button");

function mendHelp() {
  const panel = document.querySelector(".st-key-help-panel"), button = helpButton();
  button?.setAttribute("aria-expanded", String(Boolean(panel)));
  if (panel && panel !== help.panel) {
    panel.setAttribute("role", "region");
    panel.setAttribute("aria-label", panel.querySelector("strong")?.textContent ?? "");
    panel.tabIndex = 0;
    panel.style.background = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor;
    if (!help.panel) panel.focus({ preventScroll: true });
  }
  if (!panel && help.panel && (document.activeElement ?? document.body) === document.body) button?.focus({ preventScroll: true });
  help.panel = panel;
  document.documentElement.toggleAttribute("data-help", Boolean(panel)); // a class higher up: `:has` is asked at every change
}

function leaveHelp(event) {
  if (event.key !== "Escape" || event.defaultPrevented || !help.panel) return;
  if (document.querySelector('#attnviz-word:popover-open, [role="dialog"][aria-modal="true"], [data-testid="stPopoverBody"]')) return;
  document.querySelector(".st-key-help-close button")?.click();
}
if (!help.listens) document.addEventListener("keydown", leaveHelp);
help.listens = true;
